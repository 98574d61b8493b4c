// The normal form of dimension expressions: a sum of terms, each a coefficient times a sorted list of atoms;
// an atom is a name or a floor division. Expressions and atoms are interned by their printed text.
#include "hornbeam/dim.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <unordered_map>

#include "base/check.hpp"
#include "base/guard.hpp"

namespace hornbeam {

struct DimTerm {
  std::vector<int> atoms;  // sorted atom ids, repeats allowed
  int64_t coef;
};
struct DimExpr {
  std::vector<DimTerm> terms;  // sorted by atoms; never empty, never only a constant
  std::string text;
};

namespace {
// Beyond these an expression is no size that a model has: products of sums, and of divisions of products, grow fast.
constexpr size_t kMostTerms = 256, kLongestText = 8192;
constexpr int kDeepest = 1024;  // no text as long as that holds more divisions in each other

struct Atom {
  std::string name;  // the symbol, or the printed division
  bool is_div = false;
  Dim num, den;
};

struct Tables {
  std::mutex lock;
  std::unordered_map<std::string, std::unique_ptr<DimExpr>> exprs;
  std::unordered_map<std::string, int> atom_ids;
  std::vector<std::unique_ptr<Atom>> atoms;
};
Tables& tables() {
  static Tables* t = new Tables;  // never destroyed: dimensions outlive static destruction
  return *t;
}
const MadeBeforeForks made_before_forks([] { tables(); });

const Atom& atom(int id) {
  Guard hold(tables().lock);
  return *tables().atoms[size_t(id)];
}

int intern_atom(Atom a) {
  Guard hold(tables().lock);
  auto& t = tables();
  auto [it, fresh] = t.atom_ids.emplace(a.name, int(t.atoms.size()));
  if (fresh) t.atoms.push_back(std::make_unique<Atom>(std::move(a)));
  return it->second;
}

int64_t mul_checked(int64_t a, int64_t b) { return checked_mul(a, b, "dimension"); }
int64_t add_checked(int64_t a, int64_t b) {
  int64_t r = 0;
  HB_CHECK(!__builtin_add_overflow(a, b, &r), "dimension: ", a, " + ", b, " overflows 64 bits");
  return r;
}
int64_t floor_div(int64_t a, int64_t b) {
  HB_CHECK(b != 0, "dimension: division by zero");
  if (b == -1) return mul_checked(a, -1);  // the smallest integer has no counterpart, and dividing it traps
  int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}
}  // namespace

struct DimBuilder {
  static std::vector<DimTerm> terms(const Dim& d) {
    if (d.expr_) return d.expr_->terms;
    if (d.value_ == 0) return {};
    return {DimTerm{{}, d.value_}};
  }

  static Dim make(std::vector<DimTerm> in) {
    std::sort(in.begin(), in.end(), [](const DimTerm& a, const DimTerm& b) {
      if (a.atoms.size() != b.atoms.size()) return a.atoms.size() > b.atoms.size();
      return a.atoms < b.atoms;
    });
    std::vector<DimTerm> out;
    for (auto& t : in) {
      if (!out.empty() && out.back().atoms == t.atoms)
        out.back().coef = add_checked(out.back().coef, t.coef);
      else
        out.push_back(t);
      if (out.back().coef == 0) out.pop_back();
    }
    if (out.empty()) return Dim(0);
    if (out.size() == 1 && out[0].atoms.empty()) return Dim(out[0].coef);
    for (const DimTerm& t : out) (void)mul_checked(t.coef, -1);  // so that it can be printed and negated
    HB_CHECK(out.size() <= kMostTerms, "dimension: an expression may have ", kMostTerms, " terms, not ", out.size());
    std::string text = print(out);
    check_length(text);
    Guard hold(tables().lock);
    auto& slot = tables().exprs[text];
    if (!slot) slot = std::make_unique<DimExpr>(DimExpr{std::move(out), text});
    Dim d;
    d.expr_ = slot.get();
    return d;
  }

  static void check_length(const std::string& text) {
    HB_CHECK(text.size() <= kLongestText, "dimension: an expression may have ", kLongestText, " characters, not ",
             text.size(), ": ", text.substr(0, 60), "...");
  }
  static Dim of_atom(int id) { return make({DimTerm{{id}, 1}}); }

  static std::string print(const std::vector<DimTerm>& terms) {
    std::string s;
    for (const auto& t : terms) {
      int64_t c = t.coef;
      if (!s.empty()) {
        s += c < 0 ? "-" : "+";
        if (c < 0) c = -c;
      } else if (c == -1 && !t.atoms.empty()) {
        s += "-";
        c = 1;
      }
      if (t.atoms.empty() || c != 1) s += std::to_string(c);
      bool star = c != 1;
      for (int id : t.atoms) {
        if (star) s += "*";
        s += atom(id).name;
        star = true;
      }
    }
    return s;
  }

  // a / b when b is one term that divides every term of a; false otherwise.
  static bool divide_exactly(const Dim& a, const Dim& b, Dim* out) {
    auto bt = terms(b);
    if (bt.size() != 1) return false;
    auto at = terms(a);
    for (auto& t : at) {
      if (bt[0].coef != -1 && t.coef % bt[0].coef != 0) return false;
      t.coef = floor_div(t.coef, bt[0].coef);
      for (int id : bt[0].atoms) {
        auto it = std::find(t.atoms.begin(), t.atoms.end(), id);
        if (it == t.atoms.end()) return false;
        t.atoms.erase(it);
      }
    }
    *out = make(std::move(at));
    return true;
  }
  static const DimExpr* expr(const Dim& d) { return d.expr_; }
};

Dim Dim::symbol(const std::string& name) {
  bool ok = !name.empty() && (std::isalpha(static_cast<unsigned char>(name[0])) || name[0] == '_');
  for (char c : name) ok = ok && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.');
  HB_CHECK(ok, "a dimension's name must be an identifier. Received: ", name);
  return DimBuilder::of_atom(intern_atom(Atom{name, false, 0, 0}));
}

int64_t Dim::value() const {
  HB_CHECK(is_const(), "the dimension ", str(), " is not known while tracing; use ops.shape / dim_value");
  return value_;
}

std::string Dim::symbol_name() const {
  if (!expr_ || expr_->terms.size() != 1 || expr_->terms[0].coef != 1 || expr_->terms[0].atoms.size() != 1) return "";
  const Atom& a = atom(expr_->terms[0].atoms[0]);
  return a.is_div ? "" : a.name;
}

bool Dim::depends_on(const std::string& name) const {
  if (!expr_) return false;
  for (const auto& t : expr_->terms)
    for (int id : t.atoms) {
      const Atom& a = atom(id);
      if (a.is_div ? a.num.depends_on(name) || a.den.depends_on(name) : a.name == name) return true;
    }
  return false;
}

std::string Dim::str() const { return expr_ ? expr_->text : std::to_string(value_); }

int64_t Dim::eval(const DimEnv& env) const {
  if (!expr_) return value_;
  int64_t sum = 0;
  for (const auto& t : expr_->terms) {
    int64_t v = t.coef;
    for (int id : t.atoms) {
      const Atom& a = atom(id);
      int64_t x;
      if (a.is_div) {
        x = floor_div(a.num.eval(env), a.den.eval(env));
      } else {
        auto it = env.find(a.name);
        HB_CHECK(it != env.end(), "dimension ", a.name, " has no value");
        x = it->second;
      }
      v = mul_checked(v, x);
    }
    sum = add_checked(sum, v);
  }
  return sum;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_const() && b.is_const()) return add_checked(a.value(), b.value());
  auto t = DimBuilder::terms(a);
  for (auto& x : DimBuilder::terms(b)) t.push_back(x);
  return DimBuilder::make(std::move(t));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_const() && b.is_const()) return mul_checked(a.value(), b.value());
  std::vector<DimTerm> out;
  const std::vector<DimTerm> left = DimBuilder::terms(a), right = DimBuilder::terms(b);
  HB_CHECK(left.size() * right.size() <= kMostTerms, "dimension: an expression may have ", kMostTerms, " terms, not ",
           left.size() * right.size());
  for (const auto& x : left)
    for (const auto& y : right) {
      DimTerm t{x.atoms, mul_checked(x.coef, y.coef)};
      t.atoms.insert(t.atoms.end(), y.atoms.begin(), y.atoms.end());
      std::sort(t.atoms.begin(), t.atoms.end());
      out.push_back(std::move(t));
    }
  return DimBuilder::make(std::move(out));
}

Dim operator-(const Dim& a, const Dim& b) { return a + Dim(-1) * b; }

Dim floordiv(const Dim& a, const Dim& b) {
  if (a.is_const() && b.is_const()) return floor_div(a.value(), b.value());
  HB_CHECK(b != Dim(0), "dimension: division by zero");
  Dim exact;
  if (DimBuilder::divide_exactly(a, b, &exact)) return exact;
  Atom atom_div{"((" + a.str() + ")//(" + b.str() + "))", true, a, b};
  DimBuilder::check_length(atom_div.name);
  return DimBuilder::of_atom(intern_atom(std::move(atom_div)));
}

namespace {
// Recursive descent over: sum := ['-'] product (('+'|'-') product)*; product := item ('*' item)*;
// item := ['-'] integer | name | '((' sum ')//(' sum '))'.
class DimParser {
 public:
  explicit DimParser(const std::string& s) : s_(s) {}
  Dim all() {
    Dim d = sum(0);
    if (i_ != s_.size()) fail();
    return d;
  }

 private:
  [[noreturn]] void fail() { throw FormatError("bad dimension expression: " + s_.substr(0, 80)); }
  bool eat(const char* t) {
    size_t n = std::char_traits<char>::length(t);
    if (s_.compare(i_, n, t) != 0) return false;
    i_ += n;
    return true;
  }
  Dim sum(int depth) {
    if (depth > kDeepest) fail();
    const bool number = i_ + 1 < s_.size() && std::isdigit(static_cast<unsigned char>(s_[i_ + 1]));
    const bool minus = !number && eat("-");  // a number takes its sign along: the smallest has no counterpart
    Dim d = product(depth);
    if (minus) d = Dim(0) - d;
    for (;;) {
      if (eat("+"))
        d = d + product(depth);
      else if (eat("-"))
        d = d - product(depth);
      else
        return d;
    }
  }
  Dim product(int depth) {
    Dim d = item(depth);
    while (eat("*")) d = d * item(depth);
    return d;
  }
  Dim item(int depth) {
    if (eat("((")) {
      Dim a = sum(depth + 1);
      if (!eat(")//(")) fail();
      Dim b = sum(depth + 1);
      if (!eat("))")) fail();
      if (b == Dim(0)) fail();
      return floordiv(a, b);
    }
    size_t start = i_;
    const bool negative = eat("-");
    while (i_ < s_.size() && (std::isalnum(static_cast<unsigned char>(s_[i_])) || s_[i_] == '_' || s_[i_] == '.')) ++i_;
    if (start + negative == i_) fail();
    if (negative || std::isdigit(static_cast<unsigned char>(s_[start]))) {
      int64_t v = 0;
      auto r = std::from_chars(s_.data() + start, s_.data() + i_, v);
      if (r.ec != std::errc() || r.ptr != s_.data() + i_) fail();
      return v;
    }
    return Dim::symbol(s_.substr(start, i_ - start));
  }
  const std::string& s_;
  size_t i_ = 0;
};

template <class T>
std::string join_shape(const std::vector<T>& shape, std::string (*text)(const T&)) {
  std::string s = "[";
  for (size_t i = 0; i < shape.size(); ++i) s += (i ? "," : "") + text(shape[i]);
  return s + "]";
}
}  // namespace

Dim Dim::parse(const std::string& text) {
  try {
    return DimParser(text).all();
  } catch (const FormatError&) {
    throw;
  } catch (const ValueError& e) {  // an overflow, say
    throw FormatError(e.what());
  }
}

std::string shape_text(const SymShape& shape) {
  return join_shape<Dim>(shape, [](const Dim& d) { return d.str(); });
}
std::string shape_text(const Shape& shape) {
  return join_shape<int64_t>(shape, [](const int64_t& d) { return std::to_string(d); });
}
Dim shape_product(const SymShape& shape) {
  Dim p = 1;
  for (const Dim& d : shape) p = p * d;
  return p;
}
int64_t shape_product(const Shape& shape) {
  int64_t p = 1;
  for (int64_t d : shape) p = checked_mul(p, d, "shape");
  return p;
}
Shape eval_shape(const SymShape& shape, const DimEnv& env) {
  Shape out;
  out.reserve(shape.size());
  for (const Dim& d : shape) {
    int64_t v = d.eval(env);
    HB_CHECK(v >= 0, "dimension ", d.str(), " is negative: ", v);
    out.push_back(v);
  }
  return out;
}
}  // namespace hornbeam
