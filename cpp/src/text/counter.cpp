#include <algorithm>
#include <mutex>
#include <numeric>

#include "base/check.hpp"
#include "hornbeam/text.hpp"
#include "text/row_team.hpp"
#include "text/term_index.hpp"
#include "text/tokens.hpp"

namespace hornbeam {
namespace {
// How often each term came, and in how many rows.
struct Counts {
  struct Count {
    int64_t count = 0, rows = 0, last_row = -1;
  };
  TermIndex index;
  std::vector<Count> of;

  Count& at(std::string_view term) {
    const auto number = size_t(index.insert(term, fingerprint64(term)));
    if (number >= of.size()) of.resize(number + 1);
    return of[number];
  }
  void take(const Texts& tokens, int64_t row) {
    for (std::string_view t : tokens) {
      Count& c = at(t);
      ++c.count;
      c.rows += c.last_row != row;
      c.last_row = row;
    }
  }
  void take(const Counts& other) {
    for (size_t i = 0; i < other.of.size(); ++i) {
      Count& c = at(other.index.term(i));
      c.count += other.of[i].count;
      c.rows += other.of[i].rows;
    }
  }
};
}  // namespace

struct TermCounter::Data {
  std::mutex mutex;
  Tokenization tokenization;
  Counts counts;
  int64_t rows = 0;
};

TermCounter::TermCounter(Tokenization tokenization) : data_(std::make_unique<Data>()) {
  check(tokenization);
  data_->tokenization = std::move(tokenization);
}
TermCounter::~TermCounter() = default;
TermCounter::TermCounter(TermCounter&&) noexcept = default;
TermCounter& TermCounter::operator=(TermCounter&&) noexcept = default;

int64_t TermCounter::rows() const {
  const std::lock_guard lock(data_->mutex);
  return data_->rows;
}
int64_t TermCounter::size() const {
  const std::lock_guard lock(data_->mutex);
  return int64_t(data_->counts.of.size());
}

void TermCounter::add(const Texts& texts, int64_t each) {
  within_memory([&] {
    HB_CHECK(each > 0 && texts.size() % size_t(each) == 0, "rows of ", each,
             " strings must fill the batch. Received: ", texts.size(), " strings");
    Data& d = *data_;
    const std::lock_guard lock(d.mutex);
    const int64_t rows = int64_t(texts.size()) / each;
    const RowTeam team(texts, rows);
    std::vector<Tokens> tokens(size_t(team.most()), Tokens(d.tokenization));
    std::vector<Counts> others(size_t(team.most() - 1));  // of all threads but the caller's
    team.each([&](int part, int64_t row) {
      Counts& counts = part ? others[size_t(part - 1)] : d.counts;
      counts.take(tokens[size_t(part)].of(texts.data() + row * each, size_t(each)), d.rows + row);
    });
    for (const Counts& c : others) d.counts.take(c);
    d.rows += rows;
  });
}

std::vector<TermCounter::Count> TermCounter::sorted(int64_t most, const Texts& without) const {
  return within_memory([&] {
    const std::lock_guard lock(data_->mutex);
    const Counts& counts = data_->counts;
    std::vector<size_t> order(counts.of.size());
    std::iota(order.begin(), order.end(), size_t(0));
    order.erase(
        std::remove_if(
            order.begin(), order.end(),
            [&](size_t i) { return std::find(without.begin(), without.end(), counts.index.term(i)) != without.end(); }),
        order.end());
    const size_t n = most < 0 ? order.size() : std::min(order.size(), size_t(most));
    std::partial_sort(order.begin(), order.begin() + int64_t(n), order.end(), [&](size_t a, size_t b) {
      if (counts.of[a].count != counts.of[b].count) return counts.of[a].count > counts.of[b].count;
      return counts.index.term(a) > counts.index.term(b);
    });
    std::vector<Count> out;
    out.reserve(n);
    for (size_t i = 0; i < n; ++i)
      out.push_back({std::string(counts.index.term(order[i])), counts.of[order[i]].count, counts.of[order[i]].rows});
    return out;
  });
}
}  // namespace hornbeam
