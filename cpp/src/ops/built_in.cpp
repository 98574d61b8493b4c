// All built-in ops, from the tables.
#include <iterator>

#include "graph/registry.hpp"
#include "ops/define.hpp"

namespace hornbeam {
namespace {
const BuiltInOps built_in([] {
  std::vector<OpDef> ops = define_elementwise_ops();
#define HB_OP(name) ops.push_back(define_op_##name());
#include "hornbeam/op_list.def"
#undef HB_OP
  return ops;
});
}  // namespace
}  // namespace hornbeam
