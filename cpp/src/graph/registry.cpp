#include "graph/registry.hpp"

#include <map>
#include <memory>

#include "base/check.hpp"
#include "base/guard.hpp"

namespace hornbeam {
namespace {
std::vector<OpDef> (*g_built_in)() = nullptr;

struct Registry {
  std::map<std::string, std::unique_ptr<OpDef>> ops;
  std::mutex lock;
  Registry() {
    if (!g_built_in) throw InternalError("the built-in ops are not linked in, or not there yet");
    for (OpDef& def : g_built_in()) {
      const bool ruled = def.gradient || def.decompose || !def.differentiable || *def.no_gradient;
      HB_CHECK(ruled || def.max_inputs == 0, "op \"", def.name, "\" neither has a gradient nor says that it has none");
      insert(std::move(def));
    }
  }
  void insert(OpDef def) {
    HB_CHECK(!def.float32_only || def.decompose, "op \"", def.name, "\" takes float32 only and has no decomposition");
    std::string name = def.name;
    ops[name] = std::make_unique<OpDef>(std::move(def));
  }
};
Registry& registry() {
  static Registry* r = new Registry;
  return *r;
}
const MadeBeforeForks made_before_forks([] { registry(); });
}  // namespace

BuiltInOps::BuiltInOps(std::vector<OpDef> (*define)()) { g_built_in = define; }

const OpDef& find_op(const std::string& name) {
  Registry& r = registry();
  Guard hold(r.lock);
  auto it = r.ops.find(name);
  HB_CHECK(it != r.ops.end(), "there is no op named \"", name, "\"");
  return *it->second;
}

void register_op(OpDef op) {
  HB_CHECK(op.name && op.infer, "register_op: an op needs a name and an infer function");
  HB_CHECK(op.kind == OpKind::kernel || op.kind == OpKind::view, "register_op: op \"", op.name,
           "\" must be a kernel or a view; the other kinds are the core's own");
  HB_CHECK(op.no_gradient, "register_op: `no_gradient` of op \"", op.name, "\" is null");
  for (const AttrSpec& a : op.attrs) HB_CHECK(a.name, "register_op: an attribute of op \"", op.name, "\" has no name");
  op.may_fail = true, op.checked_ids = nullptr;  // nothing is known of it
  Registry& r = registry();
  Guard hold(r.lock);
  HB_CHECK(!r.ops.count(op.name), "register_op: there is already an op named \"", op.name, "\"");
  r.insert(std::move(op));
}

std::vector<std::string> list_ops() {
  Registry& r = registry();
  Guard hold(r.lock);
  std::vector<std::string> names;
  for (const auto& [name, def] : r.ops) names.push_back(name);
  return names;
}
}  // namespace hornbeam
