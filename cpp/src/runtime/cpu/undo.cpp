#include "runtime/cpu/undo.hpp"

#include <cstring>

#include "runtime/cpu/program.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kLong = 300;        // milliseconds; what comes after takes up to three times as long
constexpr size_t kLeast = 256 << 20;  // bytes that are worth it, whatever the program works with
char* variable(const Program& p, const Scratch& s, size_t i) {
  return s.bases[size_t(p.variable_base(p.written[i].variable))];
}
}  // namespace

void Undo::decide(const Program& p, const Watch& watch) {
  wanted_ = false;
  if (watch.milliseconds() < kLong) return;
  size_t all = 0;
  for (const auto& w : p.written) all += w.bytes;
  if (all > std::max(kLeast, p.arena_bytes)) return;
  try {
    for (size_t i = kept_.size(); i < p.written.size(); ++i)
      kept_.push_back(Tensor(DType::u8, {int64_t(p.written[i].bytes)}));
    wanted_ = true;
  } catch (const std::exception&) {  // no room: then this step is finished
  }
}

void Undo::keep(const Program& p, const Scratch& s, int thread, int threads) {
  for (size_t i = 0; i < p.written.size(); ++i) {
    const size_t n = p.written[i].bytes, begin = n * size_t(thread) / size_t(threads);
    std::memcpy(kept_[i].data<char>() + begin, variable(p, s, i) + begin,
                n * size_t(thread + 1) / size_t(threads) - begin);
  }
}

void Undo::restore(const Program& p, const Scratch& s) const {
  for (size_t i = 0; wanted_ && i < p.written.size(); ++i)
    std::memcpy(variable(p, s, i), kept_[i].raw(), p.written[i].bytes);
}
}  // namespace hornbeam
