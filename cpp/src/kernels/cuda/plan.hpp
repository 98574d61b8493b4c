// What a kernel is on a GPU: launches of CUDA C++ that is compiled at run time, copies, and calls of libraries.
#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "hornbeam/kernel.hpp"

namespace hornbeam::cuda {

struct Blas;  // cuBLASLt's functions, and cuDNN's
struct Dnn;
struct Include;

/// What kernels are planned for.
struct Target {
  int arch = 0;  // 90: compute capability 9.0
  int multiprocessors = 1;
  int64_t shared_bytes = 48 << 10;  // that a block may ask for
  bool tf32 = false;                // float32 products may round their factors to 10 bits
  const Blas* blas = nullptr;       // null: the library is not there
  const Dnn* dnn = nullptr;
};

/// The address of an element: which buffer of the call (inputs, outputs, the workspace), and bytes from its start.
struct Address {
  int buffer = 0;
  int64_t offset = 0;
  Address operator+(int64_t bytes) const { return {buffer, offset + bytes}; }
};

/// Sizes or strides of axes, as device/core.cuh has them; the rest are 0.
struct Dims {
  static constexpr size_t kMost = 12;
  std::array<int64_t, kMost> n{};
  Dims() = default;
  /// Throws ValueError when there are more than kMost.
  explicit Dims(const std::vector<int64_t>& values);
};

/// A parameter of a kernel: in the device's code a pointer, an i64, a double or a Dims.
struct Param {
  enum Kind { address, integer, number, dims } kind;
  Address at{};
  int64_t i = 0;
  double d = 0;
  Dims n{};
  Param(Address a) : kind(address), at(a) {}
  Param(int64_t v) : kind(integer), i(v) {}
  Param(int v) : kind(integer), i(v) {}
  Param(size_t v) : kind(integer), i(int64_t(v)) {}
  Param(bool v) : kind(integer), i(v) {}
  Param(double v) : kind(number), d(v) {}
  Param(float v) : kind(number), d(v) {}
  Param(const Dims& v) : kind(dims), n(v) {}
};

struct Grid {
  int64_t x = 1, y = 1, z = 1;
};

struct Launch {
  std::string source;  // what includes or defines the kernel
  std::string kernel;  // names a __global__ function of it: "softmax_rows<float>"
  Grid grid;
  int threads = 256;          // of a block
  int64_t shared_bytes = 0;   // beyond what the kernel declares
  std::vector<Param> params;  // after the Run
  /// Of a kernel that can be one of several in a launch: the text of `struct Group`, which holds the params and whose
  /// run(first, stride) does what one thread does.
  std::string group;
};

/// One launch of 256 threads a block for several that have a `group` and none of which needs another's results. The
/// buffers of the i-th are found from `first_buffer[i]` on.
Launch merge(const std::vector<const Launch*>& launches, const std::vector<int>& first_buffer);
/// Bytes of parameters that a kernel takes at most, beside its Run.
constexpr size_t kMostParams = 4000;
size_t param_bytes(const Launch& launch);

/// `bytes` from one place to another, or of one value.
struct Copy {
  Address to, from;
  int64_t bytes;
};
struct Fill {
  Address to;
  int value;  // of each byte
  int64_t bytes;
};

/// What a library call sees when it is put on a stream; may be called often, and while the stream is captured.
struct Call {
  void* stream;
  char* const* buffers;  // addresses of the inputs, outputs and the workspace
  char* at(Address a) const { return buffers[a.buffer] + a.offset; }
};
using LibraryCall = std::function<void(const Call&)>;

struct Step {
  enum Kind { launch, copy, fill, call } kind;
  Launch launched{};
  Copy copied{};
  Fill filled{};
  LibraryCall called{};
};

/// The elements that a kernel checks, so that a message can say what was refused (see Run::fail).
struct Checked {
  enum Kind { nothing, index, finite } kind = nothing;
  int input = 0;      // whose elements, in row-major order, are the rows
  int64_t limit = 0;  // of indices
};

struct KernelPlan {
  std::vector<Step> steps;  // one after another
  int64_t workspace = 0;    // bytes, aligned to 64
  Checked checked{};
  std::vector<int> alias_inputs;  // inputs read at exactly the places written: outputs may take over their memory
};

/// Collects what a kernel does.
class Planner {
 public:
  explicit Planner(const KernelRequest& request) : request_(request) {}
  Address in(size_t i) const { return {int(i), 0}; }
  Address out(size_t i = 0) const { return {int(request_.inputs.size() + i), 0}; }
  /// Asks for workspace and gives its address, a multiple of 64.
  Address work(int64_t bytes);

  /// `header`: of device/, which has the kernel.
  void launch(const std::string& header, std::string kernel, Grid grid, int threads, std::vector<Param> params,
              int64_t shared_bytes = 0);
  /// The same of code that was printed; it includes what it needs.
  void launch_source(std::string source, std::string kernel, Grid grid, int threads, std::vector<Param> params,
                     int64_t shared_bytes = 0);
  /// A kernel that is a group, of `n` elements (see Launch::group).
  void launch_group(std::string group, int64_t n, int64_t each, std::vector<Param> params);
  void copy(Address to, Address from, int64_t bytes);
  void fill(Address to, int value, int64_t bytes);
  void call(LibraryCall call);
  /// The kernel may refuse an index, or a number that is not finite, of this input.
  void checks_index(size_t input, int64_t limit) { plan_.checked = {Checked::index, int(input), limit}; }
  void checks_finite(size_t input) { plan_.checked = {Checked::finite, int(input), 0}; }
  void aliases(std::vector<int> inputs) { plan_.alias_inputs = std::move(inputs); }

  const Target& target() const { return *request_.target.cuda; }
  /// Blocks for a loop over [0, n) whose threads take `each` elements at a time: as many as keep the device busy.
  int64_t blocks(int64_t n, int threads = 256, int64_t each = 1) const;
  KernelPlan done() { return std::move(plan_); }

 private:
  const KernelRequest& request_;
  KernelPlan plan_;
};

/// The type of elements in the device's code: "float", "double", "f16", "bf16", "int", "i64", "u8", "bool".
const char* type_name(DType dtype);
/// A type of so many bytes (1, 2, 4, 8, 16) for those who move elements whatever they are: "u8", "u16", "u32", ...
const char* word_name(size_t bytes);

/// The headers of the device's code, from device/*.cuh; the last has no name.
extern const Include kHeaders[];
}  // namespace hornbeam::cuda
