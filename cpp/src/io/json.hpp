// A small JSON reader and writer for hostile input: bounded depth and size, no duplicate keys, valid UTF-8, locale-free
// numbers. Both hold to the same limits: what was written can be read.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace hornbeam {

struct Json {
  static constexpr int kDeepest = 64;                     // lists and objects inside each other
  static constexpr size_t kMostValues = size_t(1) << 21;  // in a document; each takes about 100 bytes of memory

  enum Kind { null, boolean, number, string, array, object } kind = null;
  bool flag = false;
  std::string text;  // a string's value, or a number as written
  std::vector<Json> items;
  std::map<std::string, Json> fields;

  static Json of(const std::string& s);
  static Json of(const char* s) { return of(std::string(s)); }
  static Json of(long long v);
  static Json of(double v);
  static Json of(bool v);
  static Json list(std::vector<Json> items = {});
  static Json map() { return make(object); }
  static Json make(Kind k) {
    Json j;
    j.kind = k;
    return j;
  }

  /// Typed access; throws FormatError naming `what` when the value is of another kind, or does not fit.
  bool truth(const char* what) const;
  long long integer(const char* what) const;
  double real(const char* what) const;
  const std::string& str(const char* what) const;
  const std::vector<Json>& arr(const char* what) const;
  const std::map<std::string, Json>& obj(const char* what) const;
  /// The items of a list of two.
  const std::vector<Json>& pair(const char* what) const;
  const Json& at(const std::string& key) const;
  const Json* find(const std::string& key) const;

  /// The document as text. Throws ValueError when parse() would refuse it.
  std::string written() const;
  /// Throws FormatError.
  static Json parse(const char* begin, const char* end);
};
}  // namespace hornbeam
