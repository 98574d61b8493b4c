// Neighbours that are groups of elementwise ops become one launch: an optimizer's updates, say.
#include <algorithm>
#include <set>

#include "runtime/cuda/loaded.hpp"

namespace hornbeam::cuda {
namespace {
// Bytes that a kernel reads or writes.
struct Range {
  int base;
  int64_t begin, end;
  bool meets(const Range& o) const { return base == o.base && begin < o.end && o.begin < end; }
};
using Ranges = std::vector<Range>;

bool meet(const Ranges& a, const Ranges& b) {
  for (const Range& x : a)
    for (const Range& y : b)
      if (x.meets(y)) return true;
  return false;
}
void add(Ranges* to, const Ranges& more) { to->insert(to->end(), more.begin(), more.end()); }

const LoadedKernel& kernel_of(const Item& item) { return *static_cast<const LoadedKernel*>(item.params); }

const Launch* group_of(const Item& item) {
  if (item.kind != Item::kernel) return nullptr;
  const LoadedKernel& k = kernel_of(item);
  const bool one = k.steps.size() == 1 && k.steps[0].kind == Step::launch && !k.steps[0].launched.group.empty();
  return one ? &k.steps[0].launched : nullptr;
}

class Merger {
 public:
  explicit Merger(Program& p) : p_(p) {}

  void run() {
    std::vector<Item> items;
    items.swap(p_.items);
    for (const Item& item : items) {
      const Launch* launch = group_of(item);
      if (!launch || !fits(item, *launch)) flush();
      if (launch)
        take(item, *launch);
      else
        p_.items.push_back(item);
    }
    flush();
  }

  std::vector<std::shared_ptr<LoadedKernel>> made;
  std::set<const void*> gone;  // kernels that others do the work of

 private:
  Ranges ranges(const Item& item, bool written) const {
    const LoadedKernel& k = kernel_of(item);
    Ranges out;
    for (int i = written ? k.inputs : 0; i < (written ? int(k.bytes.size()) : k.inputs); ++i) {
      const Arg& a = p_.args[size_t(item.args + i)];
      if (a.base != 0) out.push_back({a.base, a.offset, a.offset + int64_t(k.bytes[size_t(i)])});
    }
    return out;
  }

  // None of those at hand makes what it reads, or reads or makes what it writes.
  bool fits(const Item& item, const Launch& launch) const {
    const Ranges reads = ranges(item, false), writes = ranges(item, true);
    return bytes_ + param_bytes(launch) + 8 <= kMostParams && !meet(writes_, reads) && !meet(writes_, writes) &&
           !meet(reads_, writes);
  }
  void take(const Item& item, const Launch& launch) {
    add(&reads_, ranges(item, false));
    add(&writes_, ranges(item, true));
    bytes_ += param_bytes(launch) + 8;
    held_.push_back(item);
  }

  void flush() {
    if (held_.size() == 1) p_.items.push_back(held_[0]);
    if (held_.size() > 1) p_.items.push_back(merged());
    held_.clear(), reads_.clear(), writes_.clear();
    bytes_ = 0;
  }

  Item merged() {
    std::vector<const Launch*> launches;
    std::vector<int> first;
    Item out = held_[0];  // profiles name it after the first
    out.args = int(p_.args.size());
    out.arg_count = 0;
    for (const Item& item : held_) {
      launches.push_back(group_of(item));
      first.push_back(out.arg_count);
      gone.insert(item.params);
      for (int i = 0; i < item.arg_count; ++i) p_.args.push_back(Arg(p_.args[size_t(item.args + i)]));
      out.arg_count += item.arg_count;
    }
    auto kernel = std::make_shared<LoadedKernel>();
    kernel->steps.push_back({Step::launch});
    kernel->steps[0].launched = merge(launches, first);
    out.params = kernel.get();
    p_.params.push_back(kernel);
    made.push_back(std::move(kernel));
    return out;
  }

  Program& p_;
  std::vector<Item> held_;
  Ranges reads_, writes_;  // of those
  size_t bytes_ = 0;       // of their parameters
};
}  // namespace

void CudaKernels::merge_groups(Program& p) const {
  Merger m(p);
  m.run();
  const auto gone = [&](const std::shared_ptr<LoadedKernel>& k) { return m.gone.count(k.get()) > 0; };
  planned_.erase(std::remove_if(planned_.begin(), planned_.end(), gone), planned_.end());
  planned_.insert(planned_.end(), m.made.begin(), m.made.end());
  for (Control& c : p.controls)
    for (auto& sub : c.subs) merge_groups(*sub);
}
}  // namespace hornbeam::cuda
