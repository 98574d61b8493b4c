// The pieces an ISA's table is filled from; each *.isa.cpp here defines one of them, once per ISA.
#pragma once

#include "kernels/cpu/isa/isa_table.hpp"

namespace hornbeam::isa::HB_ISA_NAME {
void fill_elementwise(IsaTable& t);
void fill_gemm(IsaTable& t);
void fill_windows(IsaTable& t);
void fill_winograd(IsaTable& t);
void fill_rows(IsaTable& t);
void fill_columns(IsaTable& t);
void fill_cells(IsaTable& t);
void fill_resample(IsaTable& t);
void fill_taps(IsaTable& t);
void fill_random(IsaTable& t);
void fill_halves(IsaTable& t);
}  // namespace hornbeam::isa::HB_ISA_NAME
