// What a kernel is: a plan for concrete shapes (a list of stages), then a function run part by part.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hornbeam/attrs.hpp"
#include "hornbeam/status.hpp"

namespace hornbeam {

/// One call of a kernel for one part. Parts of a stage may run at the same time, in any order.
struct KernelCall {
  const void* params;    // the plan's params
  void* const* buffers;  // inputs, outputs (null where not wanted), the workspace, what was prepacked
  int out;               // index of the first output in `buffers`
  int work;              // index of the workspace; after it comes what a stage prepacked
  int part;
  int parts;
  const Node* node;  // for `raise`
  Status* status;
  int thread;  // of the team, for scratch memory that parts need not share
};
using KernelFn = void (*)(const KernelCall&);

struct Stage {
  KernelFn fn;
  int parts;
  int prepacks = -1;  // an input: the stage reads only that, and writes only what is prepacked
};

struct TensorSpec {
  DType dtype;
  Shape shape;
  int64_t size() const { return shape_product(shape); }
};

struct IsaTable;
struct OpDef;

namespace cuda {
struct Target;
struct KernelPlan;
}  // namespace cuda

/// What kernels are planned for.
struct Target {
  const IsaTable* isa;                 // the instruction set
  int threads = 1;                     // the team has at most so many
  bool winograd = true;                // convolutions may take Winograd's algorithms
  const cuda::Target* cuda = nullptr;  // the GPU, for kernels that are its
};

/// What a kernel plans from: concrete shapes and attributes.
struct KernelRequest {
  const OpDef& op;
  const Attrs& attrs;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  const Target& target;
  std::vector<bool> persistent;  // inputs that stay the same from run to run, if anybody said so
  bool persists(size_t i) const { return i < persistent.size() && persistent[i]; }
};

/// The stages run one after another, with a barrier between them.
struct KernelPlan {
  std::vector<Stage> stages;
  std::shared_ptr<const void> params;
  size_t workspace = 0;           // bytes, shared by all parts
  size_t prepacked = 0;           // bytes that a stage with `prepacks` fills and the others read
  std::vector<int> alias_inputs;  // inputs read at exactly the places written: outputs may take over their memory
  bool stops = true;              // it writes nothing once the run has failed
};
using PlanKernel = KernelPlan (*)(const KernelRequest&);
using PlanCudaKernel = cuda::KernelPlan (*)(const KernelRequest&);

}  // namespace hornbeam
