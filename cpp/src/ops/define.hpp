// HB_DEFINE_OP(name) opens the definition of one built-in op: a function returning its OpDef.
#pragma once

#include "base/check.hpp"
#include "graph/rowwise.hpp"
#include "hornbeam/op.hpp"
#include "hornbeam/ops.hpp"

#define HB_DEFINE_OP(opname) OpDef define_op_##opname()

namespace hornbeam {
using Values = std::vector<Value>;
using Types = std::vector<ValueType>;
#define HB_OP(name) OpDef define_op_##name();
#include "hornbeam/op_list.def"
#undef HB_OP
/// The definitions of all elementwise ops.
std::vector<OpDef> define_elementwise_ops();
/// Fails unless input `i`, which messages call `what`, is of this type.
void check_input(const InferContext& c, size_t i, const ValueType& want, const char* what);
/// A gradient op takes its op's `inputs` first: what that op makes of them, once they have passed its checks.
Types forward_types(const InferContext& c, size_t inputs, Types (*infer)(const InferContext&));
/// Sizes, windows, strides and paddings are at most so large, so that sums of a few do not overflow.
constexpr int64_t kMostExtent = INT32_MAX;

/// Plans the reference kernel of one elementwise op, or of a fused group.
KernelPlan plan_elementwise(const KernelRequest&);
namespace cuda {
KernelPlan plan_elementwise(const KernelRequest&);
}
}  // namespace hornbeam
