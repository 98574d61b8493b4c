#include "runtime/backend.hpp"

#include <new>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "hornbeam/interrupt.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam {

std::unique_ptr<RunMemory> Plan::take() {
  {
    Guard hold(lock_);
    if (!idle_.empty()) {
      auto memory = std::move(idle_.back());
      idle_.pop_back();
      return memory;
    }
  }
  return make_memory();
}

void Plan::give_back(std::unique_ptr<RunMemory> memory) noexcept {
  Guard hold(lock_);
  try {
    idle_.push_back(std::move(memory));
  } catch (const std::bad_alloc&) {  // then it is not kept
  }
}

size_t Plan::bytes_kept() {
  Guard hold(lock_);
  return bytes() + idle_.size() * memory_bytes();
}

void raise(const Status& s) {
  if (s.kind.load() == Status::interrupted) throw Interrupted("interrupted");
  const Node& n = *s.node;
  const std::string layer = in_layer(n.scope);
  if (s.kind.load() == Status::index_out_of_range)
    throw ValueError(
        concat_text("[", n.op->name, "] index must be in [0, ", s.limit, "); got ", s.index, " at row ", s.row, layer));
  throw NonFiniteError(
      concat_text("[", n.op->name, "] values must be finite; got ", s.value, " at element ", s.row, layer));
}

void check_dims(const Graph& g, const DimEnv& env) {
  for (const DimCheck& c : g.checks)
    if (c.a.eval(env) != c.b.eval(env))
      throw ValueError(concat_text(c.what, ": ", c.a.eval(env), " and ", c.b.eval(env)));
}
}  // namespace hornbeam
