#include "text/tokens.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"

namespace hornbeam {
namespace {
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_punctuation(int c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// What each byte becomes; whether it stays.
struct ByteMap {
  std::array<char, 256> to{};
  std::array<bool, 256> stays{};

  constexpr ByteMap(bool lower, bool strip) {
    for (int c = 0; c < 256; ++c) {
      to[size_t(c)] = char(lower && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
      stays[size_t(c)] = !(strip && is_punctuation(c));
    }
  }
};

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Bytes of the character that a string begins with; 0 - n where n bytes are no character.
int character(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const int n = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return -1;
  for (int i = 1; i < n; ++i) {
    unsigned char low = 0x80, high = 0xBF;
    if (i == 1 && first == 0xE0) low = 0xA0;
    if (i == 1 && first == 0xED) high = 0x9F;  // no surrogates
    if (i == 1 && first == 0xF0) low = 0x90;
    if (i == 1 && first == 0xF4) high = 0x8F;
    if (size_t(i) >= s.size() || byte(size_t(i)) < low || byte(size_t(i)) > high) return -i;
  }
  return n;
}
}  // namespace

void check(const Tokenization& how) {
  for (int64_t n : how.ngrams) HB_CHECK(n > 0, "ngrams must be positive. Received: ", n);
}

std::string_view Tokens::cleaned(std::string_view text) {
  static constexpr ByteMap kMaps[] = {{true, false}, {false, true}, {true, true}};
  if (how_.standardize == Standardize::none) return text;
  const ByteMap& map = kMaps[int(how_.standardize) - 1];
  std::string& to = clean_[cleaned_++];
  to.resize(text.size());
  char* at = to.data();
  for (const char c : text) {
    *at = map.to[static_cast<unsigned char>(c)];
    at += map.stays[static_cast<unsigned char>(c)];
  }
  return {to.data(), size_t(at - to.data())};
}

void Tokens::characters(std::string_view text, size_t most) {
  while (!text.empty() && tokens_.size() < most) {
    const int n = character(text);
    tokens_.push_back(n > 0 ? text.substr(0, size_t(n)) : kReplacement);
    text.remove_prefix(size_t(n > 0 ? n : -n));
  }
}

void Tokens::join(size_t most) {
  ngrams_.clear();
  struct Piece {
    size_t begin, size;
  };
  std::vector<Piece> pieces;
  joined_.clear();
  for (const int64_t n : how_.ngrams)
    for (size_t i = 0; i + size_t(n) <= tokens_.size() && pieces.size() < most; ++i) {
      const size_t begin = joined_.size();
      for (size_t k = 0; k < size_t(n); ++k) {
        if (k) joined_ += ' ';
        joined_ += tokens_[i + k];
      }
      pieces.push_back({begin, joined_.size() - begin});
    }
  for (const Piece& p : pieces) ngrams_.emplace_back(joined_.data() + p.begin, p.size);
}

const Texts& Tokens::of(const std::string_view* row, size_t n, size_t most) {
  const size_t wanted = how_.ngrams.empty() ? most : SIZE_MAX;
  tokens_.clear();
  cleaned_ = 0;
  if (clean_.size() < n && how_.standardize != Standardize::none) clean_.resize(n);  // now, for views must not move
  for (size_t i = 0; i < n && tokens_.size() < wanted; ++i) {
    const std::string_view text = cleaned(row[i]);
    if (how_.split == Split::none) {
      tokens_.push_back(text);
    } else if (how_.split == Split::character) {
      characters(text, wanted);
    } else {
      for (size_t at = 0; tokens_.size() < wanted;) {
        while (at < text.size() && is_space(text[at])) ++at;
        if (at == text.size()) break;
        const size_t begin = at;
        while (at < text.size() && !is_space(text[at])) ++at;
        tokens_.push_back(text.substr(begin, at - begin));
      }
    }
  }
  if (how_.ngrams.empty()) return tokens_;
  join(most);
  return ngrams_;
}
}  // namespace hornbeam
