// fused: an elementwise group that the fusion pass made. "program" is a list of (opcode, a, b, c) over registers, the
// first of which are the inputs; "results" are the registers that become outputs. An input listed in "sparse" is [n,
// inner..], the rows that unique_rows made: it stands for a table that is zero but there; the ids follow after all
// inputs, in the list's order. With "keeps" (one sparse input) all but those rows of each result are what that input
// holds.
#include "ops/define.hpp"

namespace hornbeam {
KernelPlan plan_fused(const KernelRequest&);

HB_DEFINE_OP(fused) {
  OpDef d;
  d.name = "fused";
  d.max_inputs = -1;
  d.attrs = {{"program", AttrType::ints, false, true},
             {"results", AttrType::ints, false, true},
             {"sparse", AttrType::ints, Ints{}},
             {"keeps", AttrType::ints, Ints{}}};
  // no inference: the pass knows the types, and nobody else may add one
  d.cpu = plan_fused;
  d.differentiable = false;
  return d;
}
}  // namespace hornbeam
