// The passes: each makes a graph that computes the same from another. None knows of another.
#pragma once

#include <string>
#include <vector>

#include "hornbeam/passes.hpp"

namespace hornbeam {

/// Makes a run fail, before it writes a variable, when an output of one of these names is not finite.
Graph finite_outputs(const Graph& g, const std::vector<std::string>& names);
/// Has the ops that compute run in float32 on float16 and bfloat16, which are storage: casts go before and after them.
/// `kernels`: but for those whose kernels take them (OpDef::halves).
Graph widen_halves(const Graph& g, bool kernels);
Graph dead_code(const Graph& g);
Graph common_subexpressions(const Graph& g);
Graph fold_constants(const Graph& g, const Evaluate& evaluate);
Graph algebra(const Graph& g);
Graph lookup_products(const Graph& g);
Graph fold_scales(const Graph& g);
Graph recompute(const Graph& g);
/// `halves`: groups read and write float16 and bfloat16, too.
Graph fuse_elementwise(const Graph& g, bool halves);
Graph sparse_updates(const Graph& g);
/// `gpu`: behind the ops whose GPU's kernels take it.
Graph fuse_epilogue(const Graph& g, bool gpu);
Graph fuse_separable(const Graph& g);
}  // namespace hornbeam
