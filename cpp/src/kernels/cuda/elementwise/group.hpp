// Groups of elementwise ops as code of the device, printed for each: a launch of their own, or the end of another
// kernel.
#pragma once

#include "kernels/cuda/plan.hpp"
#include "schema/elementwise.hpp"

namespace hornbeam::cuda {

struct Operand {
  TensorSpec spec;
  Address at;
};

/// What is computed of each element; all outputs have one shape, and inputs are broadcast to it.
struct Group {
  std::vector<EwInstr> code;
  std::vector<int> results;  // registers, by output
  /// The type that numbers are computed in; null: of the input's own.
  const char* type = nullptr;
  std::vector<Operand> inputs, outputs;
  /// Another kernel has the numbers of input 0 in its registers.
  bool given = false;

  /// A group by the attributes "program" and "results" of its node.
  explicit Group(const Attrs& attrs);
  Group(EwInstr op, int result) : code{op}, results{result} {}
};

/// The group as a launch of its own.
void launch_group(Planner& p, const Group& group);
/// Buffers of its inputs that are read at exactly the places written.
std::vector<int> group_aliases(const Group& group);

/// The last step of a kernel: a type that has apply(i, numbers) for the numbers of its result from element i on.
struct End {
  std::string type;
  std::string source;  // what it needs beside the kernel's header
  std::vector<Param> params;
  std::vector<int> aliases;  // inputs that are read at exactly the places written
};
/// It writes the numbers as elements of the dtype.
End write_end(DType dtype, Address to);

/// The group that a pass put behind an op, if any: its first outputs are those of the node, and what it reads beside
/// the op's result are the node's last inputs.
class Epilogue {
 public:
  /// `inputs`: how many the op itself has; `dtype`: of its result.
  Epilogue(const Planner& p, const KernelRequest& r, size_t inputs, DType dtype);
  bool present() const { return !group_.empty(); }
  /// Outputs of the node that come before the op's second.
  size_t outputs() const { return present() ? group_[0].outputs.size() : 1; }
  /// For a kernel that computes the op's result.
  End end() const;
  /// Where the op's result may lie for `launch`.
  Address room(Planner& p) const;
  /// The group as a launch of its own, of a result there. Does nothing when there is no group.
  void launch(Planner& p, Address result) const;

  /// A group that is no more than what libraries of products do themselves.
  struct Simple {
    bool is = false, relu = false;
    int64_t columns = 0;  // the length of the last axis, along which there is a bias; 0: none
    Address bias{};       // float32
  };
  Simple simple() const;

 private:
  TensorSpec result_;
  Address out_;
  std::vector<Group> group_;  // at most one
};
}  // namespace hornbeam::cuda
