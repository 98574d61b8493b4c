#include "io/json.hpp"

#include <charconv>
#include <cstdint>

#include "base/check.hpp"

namespace hornbeam {
namespace {
[[noreturn]] void bad(const std::string& what) { throw FormatError("model file: " + what); }
constexpr int kDeepest = 64;

class Parser {
 public:
  Parser(const char* begin, const char* end) : p_(begin), end_(end) {}
  Json all() {
    Json j = value(0);
    space();
    if (p_ != end_) bad("text follows the JSON header");
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
  Json value(int depth) {
    if (depth > kDeepest) bad("JSON is nested too deeply");
    space();
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
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
      if (!j.fields.emplace(key, value(depth + 1)).second) bad("JSON key \"" + key.substr(0, 60) + "\" appears twice");
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
      j.items.push_back(value(depth + 1));
      space();
      if (peek() == ']') return ++p_, j;
      expect(',');
    }
  }
  Json number() {
    const char* start = p_;
    while (p_ < end_ && (std::isdigit(static_cast<unsigned char>(*p_)) || *p_ == '-' || *p_ == '+' || *p_ == '.' ||
                         *p_ == 'e' || *p_ == 'E'))
      ++p_;
    if (p_ == start || p_ - start > 64) bad("bad JSON value");
    Json j = Json::make(Json::number);
    j.text.assign(start, p_);
    (void)j.real("a number");
    return j;
  }
  unsigned hex4() {
    unsigned v = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      const int d = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
      if (d < 0) bad("bad \\u escape");
      v = v * 16 + unsigned(d);
      ++p_;
    }
    return v;
  }
  static void utf8(std::string& s, unsigned c) {
    if (c < 0x80)
      s += char(c);
    else if (c < 0x800)
      s += char(0xC0 | (c >> 6)), s += char(0x80 | (c & 63));
    else if (c < 0x10000)
      s += char(0xE0 | (c >> 12)), s += char(0x80 | ((c >> 6) & 63)), s += char(0x80 | (c & 63));
    else
      s += char(0xF0 | (c >> 18)), s += char(0x80 | ((c >> 12) & 63)), s += char(0x80 | ((c >> 6) & 63)),
          s += char(0x80 | (c & 63));
  }
  std::string string() {
    expect('"');
    std::string s;
    for (;;) {
      if (p_ >= end_) bad("a JSON string does not end");
      const unsigned char c = static_cast<unsigned char>(*p_);
      if (c == '"') return ++p_, s;
      if (c < 0x20) bad("a control character in a JSON string");
      if (c == '\\') {
        ++p_;
        const char e = peek();
        ++p_;
        switch (e) {
          case '"':
          case '\\':
          case '/':
            s += e;
            break;
          case 'b':
            s += '\b';
            break;
          case 'f':
            s += '\f';
            break;
          case 'n':
            s += '\n';
            break;
          case 'r':
            s += '\r';
            break;
          case 't':
            s += '\t';
            break;
          case 'u': {
            unsigned v = hex4();
            if (v >= 0xD800 && v < 0xDC00) {
              if (!word("\\u")) bad("half a surrogate pair");
              const unsigned low = hex4();
              if (low < 0xDC00 || low > 0xDFFF) bad("half a surrogate pair");
              v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
            } else if (v >= 0xDC00 && v < 0xE000) {
              bad("half a surrogate pair");
            }
            if (v == 0) bad("NUL in a JSON string");
            utf8(s, v);
            break;
          }
          default:
            bad("bad escape in a JSON string");
        }
        continue;
      }
      const int more = c < 0x80                ? 0
                       : c >= 0xC2 && c < 0xE0 ? 1
                       : c >= 0xE0 && c < 0xF0 ? 2
                       : c >= 0xF0 && c < 0xF5 ? 3
                                               : -1;
      if (more < 0 || end_ - p_ <= more) bad("a JSON string is not UTF-8");
      for (int i = 1; i <= more; ++i)
        if ((static_cast<unsigned char>(p_[i]) & 0xC0) != 0x80) bad("a JSON string is not UTF-8");
      s.append(p_, p_ + more + 1);
      p_ += more + 1;
    }
  }
  const char* p_;
  const char* end_;
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
Json Json::of(bool v) {
  Json j = make(boolean);
  j.flag = v;
  return j;
}

long long Json::integer(const char* what) const {
  long long v = 0;
  const char* e = text.data() + text.size();
  if (kind != number || std::from_chars(text.data(), e, v).ptr != e) bad(concat_text(what, " must be an integer"));
  return v;
}
double Json::real(const char* what) const {
  double v = 0;
  const char* e = text.data() + text.size();
  if (kind != number) bad(concat_text(what, " must be a number"));
  const auto r = std::from_chars(text.data(), e, v);
  if (r.ptr != e || r.ec != std::errc()) bad(concat_text(what, " must be a number"));
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

void Json::write(std::string& out) const {
  switch (kind) {
    case null:
      out += "null";
      return;
    case boolean:
      out += flag ? "true" : "false";
      return;
    case number:
      out += text;
      return;
    case string: {
      out += '"';
      for (char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
          out += '\\', out += c;
        else if (u < 0x20) {
          const char* hex = "0123456789abcdef";
          out += "\\u00";
          out += hex[u >> 4];
          out += hex[u & 15];
        } else
          out += c;
      }
      out += '"';
      return;
    }
    case array: {
      out += '[';
      for (size_t i = 0; i < items.size(); ++i) {
        if (i) out += ',';
        items[i].write(out);
      }
      out += ']';
      return;
    }
    case object: {
      out += '{';
      bool first = true;
      for (const auto& [key, value] : fields) {
        if (!first) out += ',';
        first = false;
        of(key).write(out);
        out += ':';
        value.write(out);
      }
      out += '}';
    }
  }
}

Json Json::parse(const char* begin, const char* end) { return Parser(begin, end).all(); }
}  // namespace hornbeam
