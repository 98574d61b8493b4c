// Opcodes of the elementwise ops and the program of a fused group of them.
#pragma once

#include <cstdint>
#include <vector>

#include "hornbeam/dtype.hpp"

namespace hornbeam {

enum class Ew : int {
#define HB_EW(name, arity, kind) name##_,
#include "schema/elementwise.def"
#undef HB_EW
  count
};
enum class EwKind { floats, numbers, compare, logic, test, select, convert };

struct EwInfo {
  const char* name;
  int arity;
  EwKind kind;
};
inline constexpr EwInfo kEwInfo[] = {
#define HB_EW(name, arity, kind) {#name, arity, EwKind::kind},
#include "schema/elementwise.def"
#undef HB_EW
};

/// One instruction: operands and result are register numbers. Registers 0 .. inputs-1 hold the group's inputs.
struct EwInstr {
  int op;
  int a, b, c;
};
}  // namespace hornbeam
