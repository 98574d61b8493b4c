// Assembles this ISA's table.
#include "kernels/cpu/isa/isa_parts.hpp"
#include "kernels/cpu/isa/vec.hpp"

#define HB_TEXT_(x) #x
#define HB_TEXT(x) HB_TEXT_(x)

namespace hornbeam::isa::HB_ISA_NAME {
void make_table(IsaTable& t) {
  t.name = HB_TEXT(HB_ISA_NAME);
  t.lanes = kLanes;
  fill_elementwise(t);
  fill_gemm(t);
  fill_windows(t);
  fill_winograd(t);
  fill_rows(t);
  fill_columns(t);
  fill_cells(t);
  fill_resample(t);
  fill_taps(t);
  fill_random(t);
  fill_halves(t);
}
}  // namespace hornbeam::isa::HB_ISA_NAME
