// Strings to tokens.
#pragma once

#include <string>

#include "hornbeam/text.hpp"

namespace hornbeam {

/// Throws ValueError for what no tokenization may ask for.
void check(const Tokenization& how);

/// One thread's memory to make tokens in: they are views of it, or of the strings.
class Tokens {
 public:
  explicit Tokens(const Tokenization& how) : how_(how) {}
  /// The tokens of a row of strings, at most `most` of them; valid until the next call.
  const Texts& of(const std::string_view* row, size_t n, size_t most = SIZE_MAX);

 private:
  std::string_view cleaned(std::string_view text);
  void characters(std::string_view text, size_t most);
  void join(size_t most);

  const Tokenization& how_;
  std::vector<std::string> clean_;  // of each string of the row
  size_t cleaned_ = 0;              // how many of them are in use
  std::string joined_;
  Texts tokens_, ngrams_;
};

}  // namespace hornbeam
