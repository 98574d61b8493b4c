// What a kernel is: a plan for concrete shapes (a list of stages), then a function run part by part.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hornbeam/attrs.hpp"

namespace hornbeam {

struct Node;

/// Set by a kernel that meets bad data (a label out of range, say). The first writer wins; the run then
/// leaves all state as it was and raises.
struct Status {
  enum Kind : int { ok = 0, index_out_of_range = 1, non_finite = 2, interrupted = 3 };
  std::atomic<int> kind{0};
  const Node* node = nullptr;
  int64_t row = 0;
  int64_t index = 0, limit = 0;  // of index_out_of_range: must have been in [0, limit)
  double value = 0;              // of non_finite
  HB_API void raise_index(const Node* node, int64_t row, int64_t index, int64_t limit);
  HB_API void raise_value(const Node* node, int64_t row, double value);
};

/// One call of a kernel for one part. Parts of a stage may run at the same time, in any order.
struct KernelCall {
  const void* params;    // the plan's params
  void* const* buffers;  // inputs, outputs (null where not wanted), the workspace, what was prepared
  int out;               // index of the first output in `buffers`
  int work;              // index of the workspace; after it comes what a stage prepared
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
  int prepares = -1;  // an input: the stage reads only that, and writes only what was prepared
};

struct TensorSpec {
  DType dtype;
  Shape shape;
  int64_t size() const { return shape_product(shape); }
};

struct IsaTable;

/// What a kernel plans from: concrete shapes and attributes.
struct KernelRequest {
  const char* op;
  const Attrs& attrs;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  const IsaTable* isa;
  int threads;                // the team has at most so many
  std::vector<bool> lasting;  // inputs that stay the same from run to run, if anybody said so
  bool winograd = true;       // convolutions may take Winograd's algorithms
  bool lasts(size_t i) const { return i < lasting.size() && lasting[i]; }
};

/// The stages run one after another, with a barrier between them.
struct KernelPlan {
  std::vector<Stage> stages;
  std::shared_ptr<const void> params;
  size_t workspace = 0;           // bytes, shared by all parts
  size_t prepared = 0;            // bytes that a stage with `prepares` fills and the others read
  std::vector<int> alias_inputs;  // inputs read at exactly the places written: outputs may take over their memory
};
using PlanKernel = KernelPlan (*)(const KernelRequest&);

}  // namespace hornbeam
