#include "kernels/cuda/plan.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int64_t kAlignment = 64;
constexpr int64_t kThreadsPerMultiprocessor = 2048;
}  // namespace

Dims::Dims(const std::vector<int64_t>& values) {
  HB_CHECK(values.size() <= kMost, "a kernel on a GPU takes at most ", kMost, " axes that do not merge; got ",
           values.size());
  std::copy(values.begin(), values.end(), n.begin());
}

Address Planner::work(int64_t bytes) {
  const Address at{int(request_.inputs.size() + request_.outputs.size()), plan_.workspace};
  plan_.workspace += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return at;
}

void Planner::launch(const std::string& header, std::string kernel, Grid grid, int threads, std::vector<Param> params,
                     int64_t shared_bytes) {
  launch_source("#include \"" + header + "\"\n", std::move(kernel), grid, threads, std::move(params), shared_bytes);
}

void Planner::launch_source(std::string source, std::string kernel, Grid grid, int threads, std::vector<Param> params,
                            int64_t shared_bytes) {
  Step s{Step::launch};
  s.launched = {std::move(source), std::move(kernel), grid, threads, shared_bytes, std::move(params), {}};
  plan_.steps.push_back(std::move(s));
}

void Planner::copy(Address to, Address from, int64_t bytes) {
  Step s{Step::copy};
  s.copied = {to, from, bytes};
  if (bytes > 0) plan_.steps.push_back(std::move(s));
}

void Planner::fill(Address to, int value, int64_t bytes) {
  Step s{Step::fill};
  s.filled = {to, value, bytes};
  if (bytes > 0) plan_.steps.push_back(std::move(s));
}

void Planner::call(LibraryCall call) {
  Step s{Step::call};
  s.called = std::move(call);
  plan_.steps.push_back(std::move(s));
}

int64_t Planner::blocks(int64_t n, int threads, int64_t each) const {
  const int64_t wanted = (n + threads * each - 1) / (threads * each);
  const int64_t resident = target().multiprocessors * std::max<int64_t>(1, kThreadsPerMultiprocessor / threads);
  return std::max<int64_t>(1, std::min(wanted, 4 * resident));
}

const char* type_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "float";
    case DType::f64:
      return "double";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "int";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
    case DType::boolean:
      return "bool";
  }
  throw InternalError("no such dtype");
}

const char* word_name(size_t bytes) {
  switch (bytes) {
    case 1:
      return "u8";
    case 2:
      return "u16";
    case 4:
      return "u32";
    case 8:
      return "u64";
    case 16:
      return "uint4";
  }
  throw InternalError("no word has so many bytes");
}
}  // namespace hornbeam::cuda
