// What shape inference asks of its context, and how it fails.
#include "hornbeam/op.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hornbeam {
namespace {
std::string got(const Graph& g, const std::vector<Value>& inputs) {
  std::string s;
  const char* sep = "";
  char name = 'a';
  for (Value v : inputs) {
    s += concat_text(sep, name, "=", g.type(v).str());
    sep = ", ";
    if (++name > 'z') break;
  }
  return s;
}
}  // namespace

void InferContext::fail(const std::string& text) const {
  throw ValueError(concat_text("[", op.name, "] ", text, inputs.empty() ? "" : "; got ", got(graph, inputs),
                               in_layer(graph.scope())));
}
void InferContext::fail_type(const std::string& text) const {
  throw TypeError(concat_text("[", op.name, "] ", text, "; got ", got(graph, inputs), in_layer(graph.scope())));
}
int InferContext::axis(int64_t a, int r) const {
  if (a < -r || a >= r) fail(concat_text("axis must be in [", -r, ", ", r, "); axis=", a));
  return int(a < 0 ? a + r : a);
}
Dim InferContext::same(const Dim& a, const Dim& b, const std::string& what) const {
  if (a == b) return a;
  if (a.is_const() && b.is_const()) fail(what);
  return graph.unify(a, b,
                     concat_text("[", op.name, "] ", what, "; got ", got(graph, inputs), in_layer(graph.scope())));
}

SymShape broadcast_shapes(const InferContext& c, const SymShape& a, const SymShape& b) {
  const size_t rank = std::max(a.size(), b.size());
  SymShape out(rank);
  for (size_t i = 0; i < rank; ++i) {
    Dim x = i + a.size() < rank ? Dim(1) : a[i + a.size() - rank];
    Dim y = i + b.size() < rank ? Dim(1) : b[i + b.size() - rank];
    out[i] = x == Dim(1) ? y : y == Dim(1) ? x : c.same(x, y, "shapes cannot be broadcast together");
  }
  return out;
}
}  // namespace hornbeam
