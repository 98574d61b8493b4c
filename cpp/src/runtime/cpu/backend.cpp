// The CPU as a Backend, and what its options may be.
#include <algorithm>

#include "base/check.hpp"
#include "hornbeam/op.hpp"
#include "runtime/cpu/plan.hpp"

namespace hornbeam {
namespace {
bool on(const CompileOptions& options, const char* pass) {
  return std::find(options.disable.begin(), options.disable.end(), pass) == options.disable.end();
}
int threads_of(const CompileOptions& options) {
  HB_CHECK(options.threads >= 0 && options.threads <= 1024,
           "threads must be in [0, 1024]. Received: threads=", options.threads);
  return options.threads ? options.threads : default_threads();
}
Target target_of(const CompileOptions& options, int threads) {
  return {&isa_for(options.isa.c_str()), threads, on(options, "winograd")};
}
}  // namespace

CpuBackend::CpuBackend(const Graph& graph, const CompileOptions& options)
    : graph_(graph),
      rowwise_(on(options, "slices") ? find_rowwise(graph) : Rowwise{}),
      variables_(graph),
      threads_(threads_of(options)),
      target_(target_of(options, threads_)),
      in_place_(on(options, "in_place")) {}

std::unique_ptr<Program> CpuBackend::build(const DimEnv& env, int team) const {
  Target target = target_;
  target.threads = team;
  return build_program(graph_, env, {CpuKernels(target), in_place_});
}

KernelPlan CpuKernels::plan(const KernelRequest& r) const {
  HB_CHECK(r.op.cpu, "[", r.op.name, "] has no CPU kernel");
  return r.op.cpu(r);
}

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const char* const* p = available_isas(); *p; ++p) names.push_back(*p);
  return names;
}
std::string default_isa_name() { return default_isa().name; }
int thread_count() { return default_threads(); }
std::string thread_kind() { return team_kind(); }
}  // namespace hornbeam
