// Rows of strings shared out among threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "hornbeam/text.hpp"

namespace hornbeam {

/// Runs work(part, begin, end) on parts of `rows` that follow each other, each on its thread, and returns how many
/// there were; `work` is to return false where a part shall stop early. The first part's exception, if any, comes out.
class RowTeam {
 public:
  /// As many threads as the strings are worth.
  RowTeam(const Texts& texts, int64_t rows) : rows_(rows) {
    size_t bytes = 0;
    for (std::string_view t : texts) bytes += t.size() + kBytesAString;
    const size_t most = std::min(size_t(std::max<int64_t>(rows, 1)), size_t(default_threads()));
    threads_ = int(std::clamp<size_t>(bytes / kBytesAThread, 1, most));
  }
  int most() const { return threads_; }

  /// Calls row(part, number) for each row.
  template <class Row>
  int each(Row&& row) const {
    struct Context {
      Row& row;
      int64_t rows;
      std::vector<std::exception_ptr> errors;
      std::atomic<bool> stop{false};
      std::atomic<int> parts{1};
    } context{row, rows_, std::vector<std::exception_ptr>(size_t(threads_))};
    run_team(
        threads_,
        [](void* given, int part, int parts) {
          auto& c = *static_cast<Context*>(given);
          if (part == 0) c.parts.store(parts);
          try {
            for (int64_t i = c.rows * part / parts, n = 0; i < c.rows * (part + 1) / parts && !c.stop.load(); ++i) {
              if (part == 0 && ++n % kRowsBetweenLooks == 0) throw_if_interrupted();
              c.row(part, i);
            }
          } catch (...) {
            c.errors[size_t(part)] = std::current_exception();
            c.stop.store(true);
          }
        },
        &context);
    for (const std::exception_ptr& e : context.errors)
      if (e) std::rethrow_exception(e);
    return context.parts.load();
  }

 private:
  static constexpr size_t kBytesAString = 16, kBytesAThread = size_t(1) << 15;
  static constexpr int64_t kRowsBetweenLooks = 256;
  int64_t rows_;
  int threads_;
};

}  // namespace hornbeam
