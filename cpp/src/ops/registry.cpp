// The map from name to OpDef: built-ins from the tables, others from register_op.
#include <map>
#include <memory>

#include "base/guard.hpp"
#include "ops/define.hpp"

namespace hornbeam {
namespace {
struct Registry {
  std::map<std::string, std::unique_ptr<OpDef>> ops;
  std::mutex lock;
  Registry() {
    for (OpDef& def : define_elementwise_ops()) insert(std::move(def));
#define HB_OP(name) insert(define_op_##name());
#include "hornbeam/op_list.def"
#undef HB_OP
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

const OpDef& find_op(const std::string& name) {
  Registry& r = registry();
  Guard hold(r.lock);
  auto it = r.ops.find(name);
  HB_CHECK(it != r.ops.end(), "there is no op named \"", name, "\"");
  return *it->second;
}

void register_op(OpDef op) {
  HB_CHECK(op.name && op.infer, "register_op: an op needs a name and an infer function");
  for (const AttrSpec& a : op.attrs) HB_CHECK(a.name, "register_op: an attribute of op \"", op.name, "\" has no name");
  op.may_fail = true;  // nothing is known of it
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
