#include "io/json.hpp"

#include <charconv>
#include <cstdint>

#include "base/check.hpp"

namespace hornbeam {
namespace {
constexpr int kLongestNumber = 64;  // characters

[[noreturn]] void bad(const std::string& what) { throw FormatError(what); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Whether this is UTF-8 (nothing written longer than it need be, no surrogates) without NUL.
bool is_text(const std::string& s) {
  for (size_t i = 0; i < s.size();) {
    const auto first = static_cast<unsigned char>(s[i++]);
    if (first == 0) return false;
    if (first < 0x80) continue;
    const size_t more = first < 0xC2 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : 0;
    if (more == 0 || s.size() - i < more) return false;
    uint32_t c = first & (0x3Fu >> more);
    for (size_t k = 0; k < more; ++k, ++i) {
      const auto next = static_cast<unsigned char>(s[i]);
      if ((next & 0xC0) != 0x80) return false;
      c = c << 6 | (next & 0x3F);
    }
    if (c < (more == 1 ? 0x80u : more == 2 ? 0x800u : 0x10000u) || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
      return false;
  }
  return true;
}

void append_utf8(std::string& s, uint32_t c) {
  auto rest = [&](int shift) { s += char(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    s += char(c);
  } else if (c < 0x800) {
    s += char(0xC0 | (c >> 6)), rest(0);
  } else if (c < 0x10000) {
    s += char(0xE0 | (c >> 12)), rest(6), rest(0);
  } else {
    s += char(0xF0 | (c >> 18)), rest(12), rest(6), rest(0);
  }
}

class Parser {
 public:
  Parser(const char* begin, const char* end) : p_(begin), end_(end) {}
  Json all() {
    Json j = value(0);
    space();
    if (p_ != end_) bad("text follows the JSON document");
    return j;
  }

 private:
  void space() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }
  char peek() { return p_ < end_ ? *p_ : '\0'; }
  void expect(char c) {
    if (peek() != c) bad(concat_text("JSON: expected '", c, "'"));
    ++p_;
  }
  bool word(const char* w) {
    const char* q = p_;
    for (; *w; ++w, ++q)
      if (q >= end_ || *q != *w) return false;
    p_ = q;
    return true;
  }
  Json value(int depth) {  // `depth` lists and objects are open
    if (++values_ > Json::kMostValues) bad(concat_text("JSON holds more than ", Json::kMostValues, " values"));
    space();
    if ((peek() == '{' || peek() == '[') && depth == Json::kDeepest)
      bad(concat_text("JSON is nested more than ", Json::kDeepest, " deep"));
    switch (peek()) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case '"':
        return Json::of(string());
      case 't':
      case 'f': {
        const bool v = peek() == 't';
        if (!word(v ? "true" : "false")) bad("bad JSON literal");
        return Json::of(v);
      }
      case 'n':
        if (!word("null")) bad("bad JSON literal");
        return Json();
      default:
        return number();
    }
  }
  Json object(int depth) {
    Json j = Json::map();
    expect('{');
    space();
    if (peek() == '}') return ++p_, j;
    for (;;) {
      space();
      std::string key = string();
      space();
      expect(':');
      const auto [it, fresh] = j.fields.emplace(std::move(key), value(depth));
      if (!fresh) bad("JSON key \"" + it->first + "\" appears twice");
      space();
      if (peek() == '}') return ++p_, j;
      expect(',');
    }
  }
  Json array(int depth) {
    Json j = Json::list();
    expect('[');
    space();
    if (peek() == ']') return ++p_, j;
    for (;;) {
      j.items.push_back(value(depth));
      space();
      if (peek() == ']') return ++p_, j;
      expect(',');
    }
  }
  void digits() {
    if (!is_digit(peek())) bad("bad JSON value");
    while (is_digit(peek())) ++p_;
  }
  Json number() {  // -?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?
    Json j = Json::make(Json::number);
    const char* start = p_;
    if (peek() == '-') ++p_;
    if (peek() == '0')
      ++p_;
    else
      digits();
    if (peek() == '.') ++p_, digits();
    if (peek() == 'e' || peek() == 'E') {
      ++p_;
      if (peek() == '-' || peek() == '+') ++p_;
      digits();
    }
    if (p_ - start > kLongestNumber) bad("a JSON number has more than 64 characters");
    j.text.assign(start, p_);
    (void)j.real("a number");
    return j;
  }
  uint32_t hex4() {
    uint32_t v = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      const int d = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
      if (d < 0) bad("bad \\u escape in a JSON string");
      v = v * 16 + uint32_t(d);
      ++p_;
    }
    return v;
  }
  void escape(std::string& s) {  // behind the backslash
    const char e = peek();
    ++p_;
    switch (e) {
      case '"':
      case '\\':
      case '/':
        s += e;
        return;
      case 'b':
        s += '\b';
        return;
      case 'f':
        s += '\f';
        return;
      case 'n':
        s += '\n';
        return;
      case 'r':
        s += '\r';
        return;
      case 't':
        s += '\t';
        return;
      case 'u': {
        uint32_t v = hex4();
        if (v >= 0xD800 && v < 0xDC00 && word("\\u")) {
          const uint32_t low = hex4();
          if (low < 0xDC00 || low > 0xDFFF) bad("half a surrogate pair in a JSON string");
          v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(s, v);
        return;
      }
      default:
        bad("bad escape in a JSON string");
    }
  }
  std::string string() {
    expect('"');
    std::string s;
    for (;;) {
      const char* run = p_;
      while (p_ < end_ && *p_ != '"' && *p_ != '\\' && static_cast<unsigned char>(*p_) >= 0x20) ++p_;
      s.append(run, p_);
      if (p_ >= end_) bad("a JSON string does not end");
      const char c = *p_++;
      if (c == '"') break;
      if (c != '\\') bad("a control character in a JSON string");
      escape(s);
    }
    if (!is_text(s)) bad("a JSON string is not UTF-8, or holds NUL");
    return s;
  }
  const char* p_;
  const char* end_;
  size_t values_ = 0;
};

class Writer {
 public:
  std::string out;
  void value(const Json& j, int depth) {  // `depth` lists and objects are open
    HB_CHECK(++values_ <= Json::kMostValues, "a file's JSON may hold ", Json::kMostValues, " values, and not more");
    HB_CHECK(depth < Json::kDeepest || (j.kind != Json::array && j.kind != Json::object),
             "a file's JSON may be nested ", Json::kDeepest, " deep, and not deeper");
    switch (j.kind) {
      case Json::null:
        out += "null";
        return;
      case Json::boolean:
        out += j.flag ? "true" : "false";
        return;
      case Json::number:
        out += j.text;
        return;
      case Json::string:
        string(j.text);
        return;
      case Json::array:
        out += '[';
        for (const Json& item : j.items) separate('['), value(item, depth + 1);
        out += ']';
        return;
      case Json::object:
        out += '{';
        for (const auto& [key, item] : j.fields) separate('{'), string(key), out += ':', value(item, depth + 1);
        out += '}';
    }
  }

 private:
  void separate(char opened) {
    if (out.back() != opened) out += ',';
  }
  void string(const std::string& s) {
    HB_CHECK(is_text(s), "text in a file must be UTF-8 without NUL");
    out += '"';
    for (char c : s) {
      const auto u = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out += '\\', out += c;
      } else if (u < 0x20) {
        const char* hex = "0123456789abcdef";
        out += "\\u00";
        out += hex[u >> 4];
        out += hex[u & 15];
      } else {
        out += c;
      }
    }
    out += '"';
  }
  size_t values_ = 0;
};
}  // namespace

Json Json::of(const std::string& s) {
  Json j = make(string);
  j.text = s;
  return j;
}
Json Json::of(long long v) {
  Json j = make(number);
  j.text = std::to_string(v);
  return j;
}
Json Json::of(double v) {
  HB_CHECK(v - v == 0, "a JSON number must be finite");
  char text[40];
  Json j = make(number);
  j.text.assign(text, std::to_chars(text, text + sizeof text, v).ptr);
  return j;
}
Json Json::of(bool v) {
  Json j = make(boolean);
  j.flag = v;
  return j;
}
Json Json::list(std::vector<Json> items) {
  Json j = make(array);
  j.items = std::move(items);
  return j;
}

bool Json::truth(const char* what) const {
  if (kind != boolean) bad(concat_text(what, " must be true or false"));
  return flag;
}
long long Json::integer(const char* what) const {
  long long v = 0;
  const char* e = text.data() + text.size();
  if (kind != number) bad(concat_text(what, " must be an integer"));
  const auto r = std::from_chars(text.data(), e, v);
  if (r.ptr != e || r.ec != std::errc()) bad(concat_text(what, " must be an integer of 64 bits. Received: ", text));
  return v;
}
double Json::real(const char* what) const {
  double v = 0;
  const char* e = text.data() + text.size();
  if (kind != number) bad(concat_text(what, " must be a number"));
  const auto r = std::from_chars(text.data(), e, v);
  if (r.ptr != e || r.ec != std::errc()) bad(concat_text(what, " must be a finite number. Received: ", text));
  return v;
}
const std::string& Json::str(const char* what) const {
  if (kind != string) bad(concat_text(what, " must be a string"));
  return text;
}
const std::vector<Json>& Json::arr(const char* what) const {
  if (kind != array) bad(concat_text(what, " must be a list"));
  return items;
}
const std::map<std::string, Json>& Json::obj(const char* what) const {
  if (kind != object) bad(concat_text(what, " must be an object"));
  return fields;
}
const std::vector<Json>& Json::pair(const char* what) const {
  if (kind != array || items.size() != 2) bad(concat_text(what, " must be a list of two"));
  return items;
}
const Json& Json::at(const std::string& key) const {
  const Json* j = find(key);
  if (!j) bad("\"" + key + "\" is missing");
  return *j;
}
const Json* Json::find(const std::string& key) const {
  if (kind != object) bad("\"" + key + "\" is asked of something that is no object");
  auto it = fields.find(key);
  return it == fields.end() ? nullptr : &it->second;
}

std::string Json::written() const {
  Writer w;
  w.value(*this, 0);
  return std::move(w.out);
}

Json Json::parse(const char* begin, const char* end) { return Parser(begin, end).all(); }
}  // namespace hornbeam
