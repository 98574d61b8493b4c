// Makes one instruction of several, which spares the way of what comes in between through L1.
#include "kernels/cpu/elementwise/fused.hpp"

namespace hornbeam {
namespace {
// Makes one instruction of several where nobody else reads what comes in between.
class Merger {
 public:
  Merger(std::vector<EwInstr>& code, int inputs, const Ints& results)
      : code_(code), inputs_(inputs), uses_(code.size() + size_t(inputs), 0) {
    for (const EwInstr& e : code)
      for (int r : {e.a, e.b, e.c})
        if (r >= 0) ++uses_[size_t(r)];
    for (int64_t r : results) uses_[size_t(r)] += 2;
  }
  void run() {
    for (EwInstr& e : code_) {
      if (e.op == int(Ew::add_) || e.op == int(Ew::subtract_)) take_product(e);
      if (e.op == int(TileOp::multiply_add)) blend(e);
      if (e.op == int(Ew::divide_)) divide_by_root(e);
      if (e.op == int(Ew::where_)) take_bound(e);
      if (e.op == int(Ew::minimum_)) clip(e);
      if (e.op == int(TileOp::subtract_multiply)) slope_below(e);
    }
  }

 private:
  // The instruction of register r, when it is `op` and one other alone reads it.
  EwInstr* once(int r, int op) {
    if (r < inputs_ || uses_[size_t(r)] != 1) return nullptr;
    EwInstr& e = code_[size_t(r - inputs_)];
    return e.op == op ? &e : nullptr;
  }
  EwInstr* product(int r) {
    EwInstr* p = once(r, int(Ew::multiply_));
    return p ? p : once(r, int(Ew::square_));
  }
  static void drop(EwInstr& e) { e = {-1, -1, -1, -1}; }

  // A product that a sum or difference reads.
  void take_product(EwInstr& e) {
    const bool add = e.op == int(Ew::add_);
    EwInstr *left = product(e.a), *right = left ? nullptr : product(e.b);
    EwInstr* p = left ? left : right;
    if (!p) return;
    const TileOp op = add ? TileOp::multiply_add : left ? TileOp::multiply_subtract : TileOp::subtract_multiply;
    e = {int(op), p->a, p->op == int(Ew::square_) ? p->a : p->b, left ? e.b : e.a};
    drop(*p);
  }
  // (b - a) * c + a, and the same with b squared.
  void blend(EwInstr& e) {
    if (e.a == e.b) return;  // a square: there is no other factor
    for (int factor : {e.a, e.b}) {
      const int other = factor == e.a ? e.b : e.a;
      if (EwInstr* d = once(factor, int(Ew::subtract_)); d && d->b == e.c) {
        e = {int(TileOp::blend), e.c, d->a, other};
        return drop(*d);
      }
      if (EwInstr* d = once(factor, int(TileOp::multiply_subtract)); d && d->c == e.c && d->a == d->b) {
        e = {int(TileOp::blend_square), e.c, d->a, other};
        return drop(*d);
      }
    }
  }
  void divide_by_root(EwInstr& e) {
    EwInstr* sum = once(e.b, int(Ew::add_));
    if (!sum) return;
    for (int term : {sum->a, sum->b})
      if (EwInstr* root = once(term, int(Ew::sqrt_))) {
        e = {int(TileOp::divide_by_root), e.a, root->a, term == sum->a ? sum->b : sum->a};
        drop(*root);
        return drop(*sum);
      }
  }
  // a > b ? c : b, as relu's gradient is, and a > b ? a : a * c.
  void take_bound(EwInstr& e) {
    EwInstr* above = once(e.a, int(Ew::greater_));
    if (!above) return;
    EwInstr* scaled = e.b == above->a ? once(e.c, int(Ew::multiply_)) : nullptr;
    if (above->b == e.c) {
      e = {int(TileOp::where_above), above->a, above->b, e.b};
    } else if (scaled && (scaled->a == e.b || scaled->b == e.b)) {
      e = {int(TileOp::scale_below), e.b, above->b, scaled->a == e.b ? scaled->b : scaled->a};
      drop(*scaled);
    } else {
      return;
    }
    drop(*above);
  }
  void clip(EwInstr& e) {
    if (EwInstr* low = once(e.a, int(Ew::maximum_))) {
      e = {int(TileOp::clip), low->a, low->b, e.b};
      drop(*low);
    } else if (EwInstr* positive = once(e.a, int(Ew::relu_))) {
      e = {int(TileOp::clip_relu), positive->a, e.b, -1};
      drop(*positive);
    }
  }
  // relu(a) - b * relu(-a), as PReLU has it
  void slope_below(EwInstr& e) {
    EwInstr* above = once(e.c, int(Ew::relu_));
    if (!above || e.a == e.b) return;
    for (int factor : {e.a, e.b}) {
      EwInstr* below = once(factor, int(Ew::relu_));
      EwInstr* turned = below ? once(below->a, int(Ew::neg_)) : nullptr;
      if (!turned || turned->a != above->a) continue;
      e = {int(TileOp::slope_below), above->a, factor == e.a ? e.b : e.a, -1};
      drop(*turned), drop(*below);
      return drop(*above);
    }
  }

  std::vector<EwInstr>& code_;
  const int inputs_;
  std::vector<int> uses_;
};
}  // namespace

void merge_instructions(std::vector<EwInstr>& code, int inputs, const Ints& results) {
  Merger(code, inputs, results).run();
}
}  // namespace hornbeam
