// fused: an elementwise group that the fusion pass made. "program" is a list of (opcode, a, b, c) over registers, the
// first of which are the inputs; "results" are the registers that become outputs. An input listed in "sparse" is [n,
// inner..], the rows that unique_rows made: it stands for a table that is zero but there; the ids follow after all
// inputs, in the list's order. With "keeps" (one sparse input) all but those rows of each result are what that input
// holds. A cast rounds to the DType that its second operand names, if any.
#include "ops/define.hpp"
#include "schema/elementwise.hpp"

namespace hornbeam {
KernelPlan plan_fused(const KernelRequest&);
namespace cuda {
KernelPlan plan_fused(const KernelRequest&);
}

HB_DEFINE_OP(fused) {
  OpDef d;
  d.name = "fused";
  d.max_inputs = -1;
  d.attrs = {{"program", AttrType::ints, false, true},
             {"results", AttrType::ints, false, true},
             {"sparse", AttrType::ints, Ints{}},
             {"keeps", AttrType::ints, Ints{}}};
  d.infer = [](const InferContext& c) -> Types {  // each register's type from its operands'
    const Ints &program = c.attrs.ints("program"), &results = c.attrs.ints("results");
    Types regs;
    const Ints& sparse = c.attrs.ints("sparse");
    if (sparse.size() > c.inputs.size()) c.fail("has fewer inputs than sparse ones");
    for (size_t i = 0; i + sparse.size() < c.inputs.size(); ++i) regs.push_back(c.type(i));
    for (int64_t i : sparse) {
      if (i < 0 || i >= int64_t(regs.size())) c.fail("bad sparse input");
      regs[size_t(i)].shape.clear();  // the others give the shape
    }
    for (size_t i = 0; i + 3 < program.size(); i += 4) {
      if (program[i] < 0 || program[i] >= int64_t(Ew::count)) c.fail("bad opcode");
      const EwInfo& info = kEwInfo[program[i]];
      ValueType t;
      for (int k = 0; k < info.arity; ++k) {
        const int64_t r = program[i + 1 + size_t(k)];
        if (r < 0 || r >= int64_t(regs.size())) c.fail("bad register");
        t.shape = broadcast_shapes(c, t.shape, regs[size_t(r)].shape);
        t.dtype = regs[size_t(r)].dtype;
      }
      if (info.kind == EwKind::compare || info.kind == EwKind::test || info.kind == EwKind::logic)
        t.dtype = DType::boolean;
      else if (info.kind == EwKind::convert &&
               (program[i + 2] == int64_t(DType::f16) || program[i + 2] == int64_t(DType::bf16)))
        t.dtype = DType(program[i + 2]);
      else
        t.dtype = DType::f32;
      regs.push_back(t);
    }
    Types out;
    for (int64_t r : results) {
      if (r < 0 || r >= int64_t(regs.size())) c.fail("bad result register");
      out.push_back(regs[size_t(r)]);
    }
    return out;
  };
  d.cpu = plan_fused;
  d.cuda = cuda::plan_fused;
  d.differentiable = false;
  d.passes_only = true;
  d.rowwise = [](const RowContext& c) { return any_rows(c) && c.node.attrs.ints("sparse").empty(); };
  return d;
}
}  // namespace hornbeam
