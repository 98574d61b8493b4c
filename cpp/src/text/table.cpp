#include "text/table.hpp"

#include <cstring>

#include "base/check.hpp"

namespace hornbeam {
namespace {
// For messages: what need not be text, nor short.
std::string shown(std::string_view text) {
  constexpr size_t kMost = 100;
  return "\"" + std::string(text.substr(0, kMost)) + (text.size() > kMost ? "\"..." : "\"");
}

Texts terms_of(const Tensor& bytes, const Tensor& ends) {
  HB_CHECK(bytes.defined() && ends.defined(), "a string table's bytes and ends must be defined");
  HB_CHECK_TYPE(bytes.dtype() == DType::u8 && ends.dtype() == DType::i64,
                "a string table's bytes must be uint8 and its ends int64. Received: ", dtype_name(bytes.dtype()),
                " and ", dtype_name(ends.dtype()));
  HB_CHECK(bytes.shape().size() == 1 && ends.shape().size() == 1, "a string table's bytes and ends must have one axis");
  const char* const text = bytes.data<char>();
  Texts terms;
  terms.reserve(size_t(ends.size()));
  int64_t at = 0;
  for (int64_t i = 0; i < ends.size(); ++i) {
    const int64_t end = ends.data<int64_t>()[i];
    HB_CHECK(end >= at && end <= bytes.size(), "term ", i, " of a string table must end in [", at, ", ", bytes.size(),
             "]. Received: ", end);
    terms.emplace_back(text + at, size_t(end - at));
    at = end;
  }
  HB_CHECK(at == bytes.size(), "a string table's terms must take all its ", bytes.size(), " bytes. Received: ", at);
  return terms;
}
}  // namespace

StringTable::StringTable() : data_(std::make_shared<Data>()) {}

StringTable::StringTable(const Texts& terms) {
  within_memory([&] {
    auto data = std::make_shared<Data>();
    size_t bytes = 0;
    for (std::string_view t : terms) bytes += t.size();
    data->index.reserve(terms.size(), bytes);
    for (size_t i = 0; i < terms.size(); ++i)
      HB_CHECK(data->index.insert(terms[i], fingerprint64(terms[i])) == int64_t(i),
               "a vocabulary's terms must differ. Received: ", shown(terms[i]), " twice");
    data_ = std::move(data);
  });
}

StringTable::StringTable(const Tensor& bytes, const Tensor& ends) : StringTable(terms_of(bytes, ends)) {}

int64_t StringTable::size() const { return int64_t(data_->index.size()); }

std::string_view StringTable::term(int64_t number) const {
  HB_CHECK(number >= 0 && number < size(), "a term's number must be in [0, ", size(), "). Received: ", number);
  return data_->index.term(size_t(number));
}

int64_t StringTable::find(std::string_view term) const { return data_->index.find(term); }

Tensor StringTable::bytes() const {
  const std::string& bytes = data_->index.bytes();
  Tensor out(DType::u8, {int64_t(bytes.size())});
  if (!bytes.empty()) std::memcpy(out.raw(), bytes.data(), bytes.size());
  return out;
}

Tensor StringTable::ends() const {
  const auto& ends = data_->index.ends();
  return Tensor::of<int64_t>(DType::i64, {int64_t(ends.size())}, {ends.begin(), ends.end()});
}
}  // namespace hornbeam
