// A small JSON reader and writer for hostile input: bounded depth, no duplicate keys, valid UTF-8, locale-free numbers.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace hornbeam {

struct Json {
  enum Kind { null, boolean, number, string, array, object } kind = null;
  bool flag = false;
  std::string text;  // a string's value, or a number as written
  std::vector<Json> items;
  std::map<std::string, Json> fields;

  static Json of(const std::string& s);
  static Json of(long long v);
  static Json of(bool v);
  static Json list() { return make(array); }
  static Json map() { return make(object); }
  static Json make(Kind k) {
    Json j;
    j.kind = k;
    return j;
  }

  /// Typed access; throws FormatError naming `what` when the value is of another kind.
  long long integer(const char* what) const;
  double real(const char* what) const;
  const std::string& str(const char* what) const;
  const std::vector<Json>& arr(const char* what) const;
  const std::map<std::string, Json>& obj(const char* what) const;
  const Json& at(const std::string& key) const;
  const Json* find(const std::string& key) const;

  void write(std::string& out) const;
  /// Throws FormatError.
  static Json parse(const char* begin, const char* end);
};
}  // namespace hornbeam
