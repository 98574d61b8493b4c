// Opcodes of the elementwise ops and the program of a fused group of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hornbeam/dtype.hpp"

namespace hornbeam {

/// Instructions and inputs that a fused group has at most, together. The tile machine is as large as that asks for.
constexpr size_t kLargestGroup = 36;

enum class Ew : int {
#define HB_EW(name, arity, kind) name##_,
#include "schema/elementwise.def"
#undef HB_EW
  count
};
/// Instructions that the tile machine makes of several, which spares the way of their results through L1: a * b + c,
/// a * b - c, c - a * b, a + (b - a) * c, a + (b * b - a) * c, and a / (sqrt(b) + c), the last three as optimizers have
/// them; a > b ? c : b; min(max(a, b), c), min(relu(a), b); a > b ? a : a * c, and relu(a) - b * relu(-a).
enum class TileOp : int {
  multiply_add = int(Ew::count),
  multiply_subtract,
  subtract_multiply,
  blend,
  blend_square,
  divide_by_root,
  where_above,
  clip,
  clip_relu,
  scale_below,
  slope_below,
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

/// One instruction (an Ew or a TileOp, -1 when merged into another): operands and result are register numbers.
/// Registers 0 .. inputs-1 hold the group's inputs.
struct EwInstr {
  int op;
  int a, b, c;
};
}  // namespace hornbeam
