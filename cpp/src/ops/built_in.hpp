// Built-in ops for passes that rewrite just these: `is(node, op::gather)`. A name that is none does not compile.
#pragma once

#include "hornbeam/op.hpp"
#include "schema/elementwise.hpp"

namespace hornbeam {
namespace op {
#define HB_OP(name)                             \
  inline const OpDef& name() {                  \
    static const OpDef& found = find_op(#name); \
    return found;                               \
  }
#include "hornbeam/op_list.def"
#undef HB_OP
}  // namespace op

inline bool is(const Node& n, const OpDef& (*op)()) { return n.op == &op(); }
inline bool is(const Node& n, Ew op) { return n.op->elementwise == int(op); }
}  // namespace hornbeam
