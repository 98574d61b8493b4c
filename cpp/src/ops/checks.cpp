// What the ops' inference checks alike.
#include "ops/define.hpp"

namespace hornbeam {

void check_input(const InferContext& c, size_t i, const ValueType& want, const char* what) {
  const std::string text = concat_text(what, " (input ", i, ") must be ", want.str());
  if (c.dtype(i) != want.dtype) c.fail_type(text);
  if (c.shape(i).size() != want.shape.size()) c.fail(text);
  for (size_t k = 0; k < want.shape.size(); ++k) c.same(c.shape(i)[k], want.shape[k], text);
}

Types forward_types(const InferContext& c, size_t inputs, Types (*infer)(const InferContext&)) {
  if (c.inputs.size() < inputs) c.fail(concat_text("takes the ", inputs, " inputs of its op first"));
  const Values first(c.inputs.begin(), c.inputs.begin() + long(inputs));
  return infer(InferContext{c.graph, c.op, first, c.attrs});
}
}  // namespace hornbeam
