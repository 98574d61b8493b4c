// Chooses the ISA table once. HB_ISA forces one; asking for one this CPU cannot run is an error, not a crash.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "kernels/cpu/isa/isa_table.hpp"

namespace hornbeam {
namespace isa {
#define HB_ISA_DECLARE(name)    \
  namespace name {              \
  void make_table(IsaTable& t); \
  }
HB_ISA_DECLARE(scalar)
#ifdef HB_HAS_AVX2
HB_ISA_DECLARE(avx2)
#endif
#ifdef HB_HAS_AVX512
HB_ISA_DECLARE(avx512)
#endif
}  // namespace isa

namespace {
struct Tables {
  std::vector<std::unique_ptr<const IsaTable>> list;  // best first
  std::vector<const char*> names;                     // ends with a null
  Tables() {
#ifdef HB_HAS_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
      add(isa::avx512::make_table);
#endif
#ifdef HB_HAS_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) add(isa::avx2::make_table);
#endif
    add(isa::scalar::make_table);
    names.push_back(nullptr);
  }
  void add(void (*make)(IsaTable&)) {
    auto table = std::make_unique<IsaTable>();
    make(*table);
    names.push_back(table->name);
    list.push_back(std::move(table));
  }
};
const Tables& tables() {
  static const Tables& t = *new Tables;  // never deleted: plans point to it, and a thread may run one to the very end
  return t;
}
}  // namespace

const IsaTable* find_isa(const char* name) {
  for (const auto& table : tables().list)
    if (std::strcmp(table->name, name) == 0) return table.get();
  return nullptr;
}

const char* const* available_isas() { return tables().names.data(); }

namespace {
// The table that `setting` asks for by this name.
const IsaTable& asked_for(const char* setting, const char* name) {
  if (const IsaTable* t = find_isa(name)) return *t;
  std::string have;
  for (const char* const* n = available_isas(); *n; ++n) have += (have.empty() ? "" : ", ") + std::string(*n);
  throw ValueError(concat_text(setting, " must be one of: ", have, ". Received: ", setting, "=", name));
}
}  // namespace

const IsaTable& default_isa() {
  static const IsaTable& chosen = [&]() -> const IsaTable& {
    const char* want = std::getenv("HB_ISA");
    return want && *want ? asked_for("HB_ISA", want) : *tables().list[0];
  }();
  return chosen;
}

const IsaTable& isa_for(const char* name) { return *name ? asked_for("isa", name) : default_isa(); }

namespace {
const MadeBeforeForks made_before_forks([] {
  try {
    default_isa();
  } catch (const ValueError&) {  // HB_ISA: whoever needs it will say so
  }
});
}  // namespace
}  // namespace hornbeam
