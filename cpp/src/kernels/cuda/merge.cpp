// Launches of groups: each is a struct that holds its parameters, and a kernel calls one, or of several the one that a
// block belongs to.
#include <algorithm>
#include <map>
#include <sstream>

#include "kernels/cuda/plan.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kThreads = 256;
constexpr char kHead[] = "#include \"elementwise.cuh\"\n#include \"pack.cuh\"\n\n";
}  // namespace

void Planner::launch_group(std::string group, int64_t n, int64_t each, std::vector<Param> params) {
  const std::string source = kHead + group +
                             "__global__ void group(Run run, Group g) {\n"
                             "  if (run.halted()) return;\n"
                             "  g.run(first_index(), index_stride());\n"
                             "}\n";
  launch_source(source, "group", {blocks(n, kThreads, each)}, kThreads, std::move(params));
  plan_.steps.back().launched.group = std::move(group);
}

size_t param_bytes(const Launch& launch) {
  size_t bytes = 0;
  for (const Param& p : launch.params) bytes += p.kind == Param::dims ? sizeof(Dims) : 8;
  return bytes;
}

Launch merge(const std::vector<const Launch*>& launches, const std::vector<int>& first_buffer) {
  std::map<std::string, size_t> kinds;  // of group, by text
  std::ostringstream types, parameters, calls;
  Launch out;
  int64_t blocks = 0;
  for (size_t i = 0; i < launches.size(); ++i) {
    const Launch& l = *launches[i];
    const auto [kind, fresh] = kinds.emplace(l.group, kinds.size());
    if (fresh) types << "namespace kind" << kind->second << " {\n" << l.group << "}\n";
    const int64_t end = blocks + l.grid.x;
    parameters << ", i64 end" << i << ", kind" << kind->second << "::Group g" << i;
    calls << "  " << (i ? "else " : "") << "if (blockIdx.x < end" << i << ")\n    g" << i << ".run((blockIdx.x - begin"
          << i << ") * i64(blockDim.x) + threadIdx.x, (end" << i << " - begin" << i << ") * blockDim.x);\n";
    out.params.push_back(end);
    for (Param p : l.params) {
      p.at.buffer += first_buffer[i];
      out.params.push_back(p);
    }
    blocks = end;
  }
  std::ostringstream source;
  source << kHead << types.str() << "__global__ void groups(Run run" << parameters.str()
         << ") {\n  if (run.halted()) return;\n  const i64 begin0 = 0";
  for (size_t i = 1; i < launches.size(); ++i) source << ", begin" << i << " = end" << i - 1;
  source << ";\n" << calls.str() << "}\n";
  out.source = source.str();
  out.kernel = "groups";
  out.grid = {blocks};
  out.threads = kThreads;
  return out;
}
}  // namespace hornbeam::cuda
