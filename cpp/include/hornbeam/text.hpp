// Strings at a model's edge: what turns them into the numbers that graphs compute with.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hornbeam/tensor.hpp"

namespace hornbeam {

/// Strings are bytes, UTF-8 where they hold text; NULs may stand anywhere.
using Texts = std::vector<std::string_view>;

/// A key of SipHash-2-4: its two words.
using HashKey = std::array<uint64_t, 2>;

/// The bucket of a string among `buckets`: FarmHash's Fingerprint64 modulo their number, SipHash-2-4 with a key. The
/// same as TensorFlow's string_to_hash_bucket_fast and _strong. Throws ValueError unless `buckets` is positive.
HB_API int64_t hash_bucket(std::string_view text, int64_t buckets, const HashKey* key = nullptr);

/// The values of one feature: strings, or a tensor of int32 or int64.
using Feature = std::variant<Texts, Tensor>;

/// The bins of combinations of at least two features' values, as int64 [n]: each string's Fingerprint64 and each int as
/// it is, chained in the features' order, modulo `bins`. The same as TensorFlow's sparse_cross_hashed of one value
/// each. Throws ValueError when features differ in length or `bins` is not positive, TypeError for other tensors.
HB_API Tensor cross_features(const std::vector<Feature>& features, int64_t bins);

/// A vocabulary: terms by number, and numbers by term. It does not change once it is made, so that any number of
/// threads may look up at once; copies share the terms.
class HB_API StringTable {
 public:
  /// No terms.
  StringTable();
  /// Copies the terms, numbered in this order. Throws ValueError when one comes twice.
  explicit StringTable(const Texts& terms);
  /// What `bytes` and `ends` gave. Throws ValueError or TypeError for tensors that no table gives.
  StringTable(const Tensor& bytes, const Tensor& ends);

  int64_t size() const;
  /// Throws ValueError when there is none of this number.
  std::string_view term(int64_t number) const;
  /// The term's number, -1 when it is none.
  int64_t find(std::string_view term) const;
  /// The terms' bytes one after another (uint8), and where each one ends (int64).
  Tensor bytes() const;
  Tensor ends() const;

 private:
  friend class TextEncoder;
  struct Data;
  std::shared_ptr<const Data> data_;
};

enum class Standardize { none, lower, strip_punctuation, lower_and_strip_punctuation };  ///< of ASCII alone
enum class Split { none, whitespace, character };  ///< at ASCII's white space; code points, U+FFFD for what is no UTF-8
enum class TextOutput { ints, one_hot, multi_hot, count, tf_idf };
/// Their values by Keras' names, with "none" and "int". Throws ValueError for another name.
HB_API Standardize standardize_from_name(const std::string& name);
HB_API Split split_from_name(const std::string& name);
HB_API TextOutput text_output_from_name(const std::string& name);

/// How strings become tokens.
struct Tokenization {
  Standardize standardize = Standardize::none;
  Split split = Split::none;
  std::vector<int64_t>
      ngrams;  ///< how many tokens are joined, by a space; each number in turn; none: tokens as they are
};

/// How tokens become numbers. Ids count from 0: the mask with ints as output, the buckets, then the table's terms.
struct TokenEncoding {
  TextOutput output = TextOutput::ints;
  int64_t buckets = 1;              ///< for tokens that the table lacks: by hash; with none, such a token is an error
  std::optional<HashKey> salt;      ///< of the hash, which is Fingerprint64 without one
  std::optional<std::string> mask;  ///< a token that is id 0 with ints, and left out of all other outputs
  int64_t length = -1;              ///< with ints: rows are cut to it and padded with 0; negative: the longest row's
  int64_t width = 0;                ///< with other outputs: of a row, if more than there are ids
  std::vector<float> weights;       ///< with tf_idf: of each id
};

/// Turns strings into tensors. Does not change once it is made; threads may share it.
class HB_API TextEncoder {
 public:
  /// Throws ValueError when parts do not fit together.
  TextEncoder(Tokenization tokenization, TokenEncoding encoding, StringTable table);

  const StringTable& table() const { return table_; }
  /// How many ids there are: mask, buckets and terms.
  int64_t ids() const { return first_ + table_.size(); }
  /// Encodes rows of `each` strings. Large batches are shared out among threads, with the same results.
  /// @return int64 [rows, length] with ints; float32 [tokens, width] with one_hot, [rows, width] with others.
  /// Throws ValueError when `each` does not divide their number, when there is more than one to split, or for a token
  /// that the table lacks where there are no buckets.
  Tensor encode(const Texts& texts, int64_t each = 1) const;

 private:
  int64_t id(std::string_view token) const;
  Tensor ints(const Texts& texts, int64_t rows, int64_t each) const;
  Tensor one_hot(const Texts& texts) const;
  Tensor bags(const Texts& texts, int64_t rows, int64_t each) const;

  Tokenization tokenization_;
  TokenEncoding encoding_;
  StringTable table_;
  int64_t first_ = 0;  // id of the table's first term
};

/// Counts tokens, batch by batch, in memory that grows with the number of different ones. Calls from several threads
/// take turns.
class HB_API TermCounter {
 public:
  struct Count {
    std::string term;
    int64_t count, rows;  ///< how often it came, and in how many rows
  };
  explicit TermCounter(Tokenization tokenization);
  ~TermCounter();
  TermCounter(TermCounter&&) noexcept;
  TermCounter& operator=(TermCounter&&) noexcept;

  /// Counts the tokens of rows of `each` strings, on several threads where there are many. What it had counted when it
  /// throws is not to be used.
  void add(const Texts& texts, int64_t each = 1);
  /// How many rows there were.
  int64_t rows() const;
  /// Different tokens so far.
  int64_t size() const;
  /// The most frequent terms, ties by falling bytes: at most `most` (negative: all), without those in `without`.
  std::vector<Count> sorted(int64_t most, const Texts& without) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace hornbeam
