#include "hornbeam/csv.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "base/parallel.hpp"

namespace hornbeam {
namespace {
constexpr size_t kChunk = size_t(1) << 20;  // bytes that a thread takes at a time
constexpr uint64_t kRowsBetweenLooks = 1024;

struct Field {
  const char *begin, *end;
  bool doubled;  // whether quotes inside stand twice
};

class Reader {
 public:
  Reader(std::string_view text, char delimiter) : at_(text.data()), end_(at_ + text.size()), delimiter_(delimiter) {
    for (const char c : {delimiter, '\n', '\r'}) ends_[static_cast<unsigned char>(c)] = true;
  }

  /// Goes to the next row that has a character.
  bool next_row() {
    while (at_ < end_ && (*at_ == '\n' || *at_ == '\r')) ++at_;
    return at_ < end_;
  }
  /// The next field, and whether one follows it in this row.
  bool next_field(Field& f) {
    f.doubled = false;
    if (at_ < end_ && *at_ == '"') {
      quoted(f);
    } else {
      f.begin = at_;
      while (at_ < end_ && !ends_[static_cast<unsigned char>(*at_)]) ++at_;
      f.end = at_;
    }
    if (at_ == end_ || *at_ != delimiter_) return false;
    ++at_;
    return true;
  }
  const char* at() const { return at_; }

 private:
  void quoted(Field& f) {
    f.begin = ++at_;
    for (;;) {
      const auto* quote = static_cast<const char*>(std::memchr(at_, '"', size_t(end_ - at_)));
      HB_CHECK(quote, "a quote is not closed");
      at_ = quote + 1;
      if (at_ == end_ || *at_ != '"') {
        f.end = quote;
        break;
      }
      f.doubled = true;
      ++at_;
    }
    HB_CHECK(at_ == end_ || *at_ == delimiter_ || *at_ == '\n' || *at_ == '\r', "something follows a closing quote");
  }

  const char *at_, *end_;
  char delimiter_;
  bool ends_[256] = {};  // whether a character ends a field
};

void append(std::string& to, const Field& f) {
  if (!f.doubled) {
    to.append(f.begin, f.end);
    return;
  }
  for (const char* p = f.begin; p < f.end; ++p) {
    to.push_back(*p);
    if (*p == '"') ++p;
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A number with neither sign nor spaces; beyond double's range it is infinite or zero.
bool read_real(std::string_view number, double& real) {
#ifdef __cpp_lib_to_chars
  const auto r = std::from_chars(number.data(), number.data() + number.size(), real);
  if (r.ec != std::errc::result_out_of_range) return r.ec == std::errc() && r.ptr == number.data() + number.size();
#endif
  std::string copy(number);  // with the point as the application's locale writes it
  if (const size_t point = copy.find('.'); point != std::string::npos)
    copy.replace(point, 1, std::localeconv()->decimal_point);
  char* stop = nullptr;
  real = std::strtod(copy.c_str(), &stop);
  return stop == copy.data() + copy.size();
}

/// Numbers as Python writes them, but for underscores; spaces around them are passed over.
FieldKind parse(const Field& f, int64_t& integer, double& real) {
  const char *p = f.begin, *end = f.end;
  while (p < end && *p == ' ') ++p;
  while (p < end && end[-1] == ' ') --end;
  if (p == end) {
    real = std::numeric_limits<double>::quiet_NaN();
    return f.begin == f.end ? FieldKind::real : FieldKind::text;
  }
  const bool negative = *p == '-';
  if (negative || *p == '+') ++p;
  const char* const first = p;
  uint64_t mantissa = 0;
  while (p < end && is_digit(*p) && p - first < 18) mantissa = mantissa * 10 + uint64_t(*p++ - '0');
  if (p == end && p > first) {
    integer = negative ? -int64_t(mantissa) : int64_t(mantissa);
    return FieldKind::integer;
  }
  if (p < end && *p == '.' && p - first < 15) {  // few enough digits for one exact division
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char* const point = p++;
    while (p < end && is_digit(*p) && p - first <= 15) mantissa = mantissa * 10 + uint64_t(*p++ - '0');
    if (p == end && p - first > 1) {
      real = double(mantissa) / powers[p - point - 1];
      if (negative) real = -real;
      return FieldKind::real;
    }
  }
  if (first == end ||
      !(is_digit(*first) || *first == '.' || *first == 'n' || *first == 'N' || *first == 'i' || *first == 'I'))
    return FieldKind::text;
  if (p - first == 18 && is_digit(*p)) {
    const auto r = std::from_chars(negative ? first - 1 : first, end, integer);
    if (r.ec == std::errc() && r.ptr == end) return FieldKind::integer;
  }
  const std::string_view number(first, size_t(end - first));
  if (number.back() == ')' || (number.size() > 1 && (number[1] | 32) == 'x')) return FieldKind::text;  // C's alone
  if (!read_real(number, real)) return FieldKind::text;
  if (negative) real = -real;
  return FieldKind::real;
}

void make_real(CsvColumn& c) {
  if (c.kind != FieldKind::integer) return;
  c.kind = FieldKind::real;
  c.reals.assign(c.integers.begin(), c.integers.end());
  c.integers = {};
}

void make_text(CsvColumn& c) {
  c.kind = FieldKind::text;
  c.integers = {};
  c.reals = {};
}

void add(CsvColumn& c, const Field& f) {
  int64_t integer = 0;
  double real = 0;
  const FieldKind kind = parse(f, integer, real);
  if (kind == FieldKind::text) return make_text(c);
  if (kind == FieldKind::real) make_real(c);
  if (c.kind == FieldKind::integer)
    c.integers.push_back(integer);
  else
    c.reals.push_back(kind == FieldKind::integer ? double(integer) : real);
}

/// Rows that one thread reads: first the numbers, then, once it is known which columns are text, the texts.
struct Part {
  std::string_view text;
  std::vector<CsvColumn> columns;
  uint64_t rows = 0;
  std::exception_ptr error;
  uint64_t expected = 0, found = 0;  // fields of a row that has another number of them

  /// Ends early once `stop` holds; where `looks`, throws Interrupted when the application wants that.
  void read(char delimiter, const std::vector<CsvWanted>& wanted, bool texts, bool looks,
            const std::atomic<bool>& stop) {
    Reader reader(text, delimiter);
    if (!texts) reserve(wanted);
    for (rows = 0; reader.next_row() && !stop.load(std::memory_order_relaxed); ++rows) {
      if (looks && rows % kRowsBetweenLooks == 0) throw_if_interrupted();
      bool more = true;
      for (size_t i = 0; i < wanted.size(); ++i) {
        Field f{};
        if (!more) return wrong(wanted.size(), i);
        more = reader.next_field(f);
        CsvColumn& c = columns[i];
        if (!wanted[i].wanted || texts != (c.kind == FieldKind::text)) continue;
        if (texts) {
          append(c.bytes, f);
          c.ends.push_back(c.bytes.size());
        } else {
          add(c, f);
        }
      }
      if (more) {
        size_t n = wanted.size();
        for (Field f{}; more; ++n) more = reader.next_field(f);
        return wrong(wanted.size(), n);
      }
    }
  }
  /// Memory for about as many numbers as there are rows: by the first ones, and never for more than there can be.
  void reserve(const std::vector<CsvWanted>& wanted) {
    const std::string_view first = text.substr(0, size_t(1) << 16);
    const double lines =
        double(std::count(first.begin(), first.end(), '\n')) / double(std::max<size_t>(1, first.size()));
    const size_t rows_about =
        std::min(size_t(lines * 1.125 * double(text.size())), text.size() / std::max<size_t>(1, wanted.size())) + 1;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i].wanted) continue;
      if (columns[i].kind == FieldKind::integer) columns[i].integers.reserve(rows_about);
      if (columns[i].kind == FieldKind::real) columns[i].reals.reserve(rows_about);
    }
  }
  void wrong(size_t all, size_t n) { expected = all, found = n; }
  bool failed() const { return error || expected != found; }
};

/// Pieces that end with lines. A quote may hide the end of one: then it is a single piece.
std::vector<Part> split(std::string_view text) {
  std::vector<Part> parts;
  const bool quotes = text.find('"') != std::string_view::npos;
  while (!text.empty()) {
    size_t n = text.size();
    if (!quotes && n > kChunk) {
      const size_t line = text.find('\n', kChunk);
      n = line == std::string_view::npos ? n : line + 1;
    }
    parts.emplace_back();
    parts.back().text = text.substr(0, n);
    text.remove_prefix(n);
  }
  return parts;
}

struct Job {
  std::vector<Part>& parts;
  char delimiter;
  const std::vector<CsvWanted>& wanted;
  bool texts;
  std::atomic<size_t> next{0};
  std::atomic<bool> stop{false};
  std::exception_ptr interrupted{};

  static void run(void* self, int thread, int) {
    Job& job = *static_cast<Job*>(self);
    for (size_t i; (i = job.next++) < job.parts.size();) {
      Part& part = job.parts[i];
      try {
        part.read(job.delimiter, job.wanted, job.texts, thread == 0, job.stop);
      } catch (const Interrupted&) {
        job.interrupted = std::current_exception();
        job.stop = true;
      } catch (...) {
        part.error = std::current_exception();
      }
    }
  }
};

void read_parts(std::vector<Part>& parts, char delimiter, const std::vector<CsvWanted>& wanted, bool texts, int threads,
                uint64_t first_row) {
  Job job{parts, delimiter, wanted, texts};
  run_team(std::max(1, std::min(threads, int(parts.size()))), &Job::run, &job);
  if (job.interrupted) std::rethrow_exception(job.interrupted);
  for (const Part& part : parts) {
    if (part.failed()) {
      try {
        if (part.error) std::rethrow_exception(part.error);
      } catch (const ValueError& e) {
        throw ValueError(concat_text("row ", first_row + part.rows, ": ", e.what()));
      }
      throw ValueError(concat_text("row ", first_row + part.rows, ": ", part.expected,
                                   " fields were expected. Received: ", part.found));
    }
    first_row += part.rows;
  }
}

template <class T>
void move_behind(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
  from = {};
}
}  // namespace

std::pair<std::vector<std::string>, size_t> read_csv_row(std::string_view text, char delimiter) {
  return within_memory([&] {
    Reader reader(text, delimiter);
    std::vector<std::string> fields;
    bool more = reader.next_row();
    while (more) {
      Field f{};
      more = reader.next_field(f);
      append(fields.emplace_back(), f);
    }
    return std::make_pair(std::move(fields), size_t(reader.at() - text.data()));
  });
}

std::vector<CsvColumn> read_csv(std::string_view text, char delimiter, const std::vector<CsvWanted>& wanted,
                                int threads, uint64_t first_row) {
  return within_memory([&] {
    std::vector<Part> parts = split(text);
    std::vector<CsvColumn> columns(wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) columns[i].kind = wanted[i].least;
    for (Part& part : parts) part.columns = columns;
    read_parts(parts, delimiter, wanted, false, threads, first_row);
    bool texts = false;
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const Part& part : parts) columns[i].kind = std::max(columns[i].kind, part.columns[i].kind);
      texts = texts || (columns[i].kind == FieldKind::text && wanted[i].wanted);
      for (Part& part : parts) {
        if (columns[i].kind == FieldKind::real) make_real(part.columns[i]);
        if (columns[i].kind == FieldKind::text) make_text(part.columns[i]);
      }
    }
    if (texts) read_parts(parts, delimiter, wanted, true, threads, first_row);
    for (size_t i = 0; i < wanted.size(); ++i) {
      CsvColumn& to = columns[i];
      for (Part& part : parts) {
        CsvColumn& from = part.columns[i];
        move_behind(to.integers, from.integers);
        move_behind(to.reals, from.reals);
        const uint64_t shift = to.bytes.size();
        for (const uint64_t end : from.ends) to.ends.push_back(end + shift);
        to.bytes += from.bytes;
        from = {};
      }
    }
    return columns;
  });
}
}  // namespace hornbeam
