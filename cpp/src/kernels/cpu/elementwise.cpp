// The tile machine that runs elementwise groups in float32.
#include "kernels/cpu/fused.hpp"

namespace hornbeam {
namespace {

bool tile_type(DType d) { return d == DType::f32 || d == DType::boolean; }

template <class T>
void convert_run(float* dst, const T* src, int64_t n, int64_t stride) {
  if (stride == 1)
    for (int64_t i = 0; i < n; ++i) dst[i] = float(src[i]);
  else
    for (int64_t i = 0; i < n; ++i) dst[i] = float(src[i * stride]);
}
void read_run(float* dst, const void* src, DType d, int64_t offset, int64_t n, int64_t stride) {
  switch (d) {
    case DType::f32: {
      const float* s = static_cast<const float*>(src) + offset;
      if (stride == 1)
        std::memcpy(dst, s, size_t(n) * 4);
      else if (stride == 0)
        std::fill(dst, dst + n, *s);
      else
        convert_run(dst, s, n, stride);
      return;
    }
    case DType::f64:
      return convert_run(dst, static_cast<const double*>(src) + offset, n, stride);
    case DType::i32:
      return convert_run(dst, static_cast<const int32_t*>(src) + offset, n, stride);
    case DType::i64:
      return convert_run(dst, static_cast<const int64_t*>(src) + offset, n, stride);
    case DType::u8:
    case DType::boolean:
      return convert_run(dst, static_cast<const uint8_t*>(src) + offset, n, stride);
    default:
      return;
  }
}
// A product that one sum or difference reads becomes part of it.
void merge_products(std::vector<EwInstr>& code, int inputs, const Ints& results) {
  std::vector<int> uses(code.size() + size_t(inputs), 0);
  for (const EwInstr& e : code)
    for (int r : {e.a, e.b, e.c})
      if (r >= 0) ++uses[size_t(r)];
  for (int64_t r : results) uses[size_t(r)] += 2;
  // The instruction of register r when it is a product that nobody else needs.
  auto product = [&](int r) -> EwInstr* {
    if (r < inputs || uses[size_t(r)] != 1) return nullptr;
    EwInstr& e = code[size_t(r - inputs)];
    return e.op == int(Ew::multiply_) || e.op == int(Ew::square_) ? &e : nullptr;
  };
  for (EwInstr& e : code) {
    const bool add = e.op == int(Ew::add_), subtract = e.op == int(Ew::subtract_);
    if (!add && !subtract) continue;
    EwInstr *left = product(e.a), *right = left ? nullptr : product(e.b);
    EwInstr* p = left ? left : right;
    if (!p) continue;
    const TileOp op = add ? TileOp::multiply_add : left ? TileOp::multiply_subtract : TileOp::subtract_multiply;
    e = {int(op), p->a, p->op == int(Ew::square_) ? p->a : p->b, left ? e.b : e.a};
    p->op = -1;
    p->a = p->b = -1;
  }
}

// dst[i] = src[i % period] for n floats, n >= period.
void repeat(float* dst, const float* src, int64_t period, int64_t n) {
  std::memcpy(dst, src, size_t(period) * 4);
  for (int64_t have = period; have < n; have *= 2) std::memcpy(dst + have, dst, size_t(std::min(have, n - have)) * 4);
}
}  // namespace

FusedKernel make_fused(const std::vector<TensorSpec>& ins, const std::vector<TensorSpec>& outs, const Ints& program,
                       const Ints& results, const IsaTable* isa, const char* op, const Ints& sparse) {
  FusedKernel k;
  k.isa = isa;
  std::vector<Shape> shapes;
  for (const auto& t : ins) shapes.push_back(t.shape);
  for (int64_t i : sparse) {
    k.row_count = shapes[size_t(i)][0];
    k.row = shape_product(outs[0].shape) / std::max<int64_t>(1, outs[0].shape[0]);
    shapes[size_t(i)] = outs[0].shape;
  }
  check_rank(outs[0].shape, op);
  k.walk = Walk::broadcast(outs[0].shape, shapes);
  for (size_t i = 0; i < program.size(); i += 4)
    k.code.push_back({int(program[i]), int(program[i + 1]), int(program[i + 2]), int(program[i + 3])});
  const int n_in = int(ins.size()), n_reg = n_in + int(k.code.size());
  merge_products(k.code, n_in, results);
  std::vector<int> last(size_t(n_reg), -1);  // last instruction that reads a register
  for (int i = 0; i < int(k.code.size()); ++i)
    for (int r : {k.code[size_t(i)].a, k.code[size_t(i)].b, k.code[size_t(i)].c})
      if (r >= 0) last[size_t(r)] = i;
  int last_direct_read = -1;
  for (int i = 0; i < n_in; ++i) {
    FusedKernel::Input in{FusedKernel::Input::strided, ins[size_t(i)].dtype, -1};
    const auto listed = std::find(sparse.begin(), sparse.end(), i);
    if (listed != sparse.end())
      in.kind = FusedKernel::Input::rows, in.ids = n_in + int(listed - sparse.begin());
    else if (k.walk.scalar(size_t(i)))
      in.kind = FusedKernel::Input::scalar;
    else if (k.walk.contiguous(size_t(i)))
      in.kind = in.dtype == DType::f32 ? FusedKernel::Input::direct : FusedKernel::Input::convert;
    else if (in.dtype == DType::f32 && k.walk.periodic(size_t(i)))
      in.kind = FusedKernel::Input::periodic, in.period = k.walk.sizes.back();
    if (in.kind == FusedKernel::Input::direct) {
      last_direct_read = std::max(last_direct_read, last[size_t(i)]);
    } else {
      in.slot = k.slots++;
      if (in.period > 0 && in.period < kTile) ++k.slots;  // a period more, so that a tile may start anywhere in it
    }
    k.inputs.push_back(in);
  }
  for (size_t j = 0; j < results.size(); ++j) {
    FusedKernel::Output o{int(results[j]), outs[j].dtype, false};
    // Written straight to memory when no input that may be the same memory is read later.
    bool unique = true;
    for (size_t q = 0; q < j; ++q) unique = unique && results[q] != results[j];
    o.direct = o.dtype == DType::f32 && o.reg >= n_in && o.reg - n_in >= last_direct_read && unique;
    k.outputs.push_back(o);
  }
  k.slot.assign(k.code.size(), -1);
  std::vector<int> free_slots;
  for (int i = 0; i < int(k.code.size()); ++i) {
    if (k.code[size_t(i)].op < 0) continue;
    const int reg = n_in + i;
    bool direct = false;
    for (const auto& o : k.outputs)
      if (o.reg == reg) direct = direct || o.direct;
    if (!direct) {
      if (free_slots.empty()) free_slots.push_back(k.slots++);
      k.slot[size_t(i)] = free_slots.back();
      free_slots.pop_back();
    }
    for (int q = 0; q < i; ++q) {  // results that die here free their tile
      bool is_output = false;
      for (const auto& o : k.outputs) is_output = is_output || o.reg == n_in + q;
      if (!is_output && k.slot[size_t(q)] >= 0 && last[size_t(n_in + q)] == i) free_slots.push_back(k.slot[size_t(q)]);
    }
  }
  if (k.slots > kMaxSlots) throw std::logic_error("a fused group needs too many tiles");
  return k;
}

void FusedKernel::prefetch_inputs(void* const* in, int64_t at, int n) const {
  for (size_t k = 0; k < inputs.size(); ++k)
    if (inputs[k].kind == Input::direct)
      for (int i = 0; i < n; i += 16) __builtin_prefetch(static_cast<const float*>(in[k]) + at + i);
}

int64_t FusedKernel::find_row(void* const* in, const Input& s, int64_t at) const {
  const int32_t* ids = static_cast<const int32_t*>(in[s.ids]);
  return std::lower_bound(ids, ids + row_count, at) - ids;
}

// The table's floats [at, at + n): zero, but for the rows at hand.
void FusedKernel::read_rows(const Input& s, void* const* in, size_t i, int64_t at, int n, float* tile) const {
  const int32_t* ids = static_cast<const int32_t*>(in[s.ids]);
  std::fill(tile, tile + n, 0.0f);
  for (int64_t k = find_row(in, s, at / row); k < row_count && ids[k] * row < at + n; ++k) {
    const int64_t first = std::max(at, ids[k] * row), last = std::min(at + n, (ids[k] + 1) * row);
    if (last > first)
      copy_floats(tile + (first - at), static_cast<const float*>(in[i]) + k * row + (first - ids[k] * row),
                  last - first);
  }
}

void FusedKernel::run(void* const* in, void* const* out, int64_t begin, int64_t end, int replaced,
                      const float* replace) const {
  alignas(64) float tiles[kMaxSlots][kTile];
  const float* reg[128];
  const int n_in = int(inputs.size());
  for (int i = 0; i < n_in; ++i) {
    const Input& s = inputs[size_t(i)];
    if (s.slot >= 0) reg[i] = tiles[s.slot];
    if (s.kind == Input::scalar && i != replaced) {
      float v;
      read_run(&v, in[i], s.dtype, 0, 1, 1);
      std::fill(tiles[s.slot], tiles[s.slot] + std::min<int64_t>(kTile, end - begin), v);
    } else if (s.kind == Input::periodic && s.period < kTile) {
      repeat(tiles[s.slot], static_cast<const float*>(in[i]), s.period,
             s.period + std::min<int64_t>(kTile, end - begin));
    }
  }
  for (int64_t at = begin; at < end; at += kTile) {
    const int n = int(std::min<int64_t>(kTile, end - at));
    for (int i = 0; i < n_in; ++i) {
      const Input& s = inputs[size_t(i)];
      if (i == replaced) {
        reg[i] = replace + (at - begin);
      } else if (s.kind == Input::direct) {
        reg[i] = static_cast<const float*>(in[i]) + at;
      } else if (s.kind == Input::convert) {
        read_run(tiles[s.slot], in[i], s.dtype, at, n, 1);
      } else if (s.kind == Input::periodic) {
        const float* source = static_cast<const float*>(in[i]);
        const int64_t phase = at % s.period, left = std::min<int64_t>(n, s.period - phase);
        if (s.period < kTile) {
          reg[i] = tiles[s.slot] + phase;
        } else if (left == n) {
          reg[i] = source + phase;
        } else {
          std::memcpy(tiles[s.slot], source + phase, size_t(left) * 4);
          std::memcpy(tiles[s.slot] + left, source, size_t(n - left) * 4);
          reg[i] = tiles[s.slot];
        }
      } else if (s.kind == Input::rows) {
        read_rows(s, in, size_t(i), at, n, tiles[s.slot]);
      } else if (s.kind == Input::strided) {
        float* t = tiles[s.slot];
        walk.runs(size_t(i), at, at + n, [&](int64_t offset, int64_t pos, int64_t len, int64_t stride) {
          read_run(t + (pos - at), in[i], s.dtype, offset, len, stride);
        });
      }
    }
    if (at + kTile < end) prefetch_inputs(in, at + kTile, int(std::min<int64_t>(kTile, end - at - kTile)));
    for (size_t i = 0; i < code.size(); ++i) {
      const EwInstr& e = code[i];
      if (e.op < 0) continue;
      float* dst = nullptr;
      if (slot[i] >= 0) {
        dst = tiles[slot[i]];
      } else {
        for (size_t j = 0; j < outputs.size(); ++j)
          if (outputs[j].reg == n_in + int(i)) {
            dst = static_cast<float*>(out[j]) + at;
            break;
          }
      }
      const float* a = reg[e.a];
      isa->elementwise[e.op](dst, a, e.b >= 0 ? reg[e.b] : a, e.c >= 0 ? reg[e.c] : a, n);
      reg[n_in + int(i)] = dst;
    }
    for (size_t j = 0; j < outputs.size(); ++j) {
      if (outputs[j].direct || !out[j]) continue;
      const float* v = reg[outputs[j].reg];
      if (outputs[j].dtype == DType::f32) {
        std::memcpy(static_cast<float*>(out[j]) + at, v, size_t(n) * 4);
      } else {
        uint8_t* d = static_cast<uint8_t*>(out[j]) + at;
        for (int i = 0; i < n; ++i) d[i] = v[i] != 0;
      }
    }
  }
}

std::vector<int> alias_inputs(const FusedKernel& k) {
  std::vector<int> out;
  for (size_t i = 0; i < k.inputs.size(); ++i)
    if (k.inputs[i].kind == FusedKernel::Input::direct) out.push_back(int(i));
  return out;
}

namespace {
void run_fused(const KernelCall& c) {
  const auto& k = params_of<FusedKernel>(c);
  const Range r = part_range(k.walk.total, c.parts, c.part, kTile);
  if (r.size() > 0) k.run(c.buffers, c.buffers + c.out, r.begin, r.end);
}

// Just the rows at hand, neighbours together; the rest stays as it is, or is copied where the result lies elsewhere.
void run_rows(const KernelCall& c) {
  const auto& k = params_of<FusedKernel>(c);
  const Range r = part_range(k.walk.total / k.row, c.parts, c.part);
  for (size_t j = 0; j < k.outputs.size(); ++j) {
    const float* from = buffer<const float>(c, int(k.keeps[j]));
    float* to = buffer<float>(c, c.out + int(j));
    if (from != to) std::memcpy(to + r.begin * k.row, from + r.begin * k.row, size_t(r.size() * k.row) * 4);
  }
  const FusedKernel::Input& s = *std::find_if(
      k.inputs.begin(), k.inputs.end(), [](const FusedKernel::Input& i) { return i.kind == FusedKernel::Input::rows; });
  const int32_t* ids = buffer<const int32_t>(c, s.ids);
  for (int64_t i = k.find_row(c.buffers, s, r.begin); i < k.row_count && ids[i] < r.end;) {
    int64_t n = 1;
    while (i + n < k.row_count && ids[i + n] < r.end && ids[i + n] == ids[i] + n) ++n;
    k.run(c.buffers, c.buffers + c.out, ids[i] * k.row, (ids[i] + n) * k.row);
    i += n;
  }
}

KernelPlan fused_plan(const KernelRequest& r, const Ints& program, const Ints& results, const Ints& sparse = {},
                      const Ints& keeps = {}) {
  const std::vector<TensorSpec> inputs(r.inputs.begin(), r.inputs.end() - long(sparse.size()));
  FusedKernel k = make_fused(inputs, r.outputs, program, results, r.isa, r.op, sparse);
  k.keeps = keeps;
  const int parts = parts_for(k.walk.total, 4 + double(k.code.size()) * 2, 65536);
  auto aliases = alias_inputs(k);
  KernelPlan p = make_plan(std::move(k), {{keeps.empty() ? run_fused : run_rows, parts}});
  p.alias_inputs = std::move(aliases);
  return p;
}

}  // namespace

KernelPlan plan_fused(const KernelRequest& r) {
  return fused_plan(r, r.attrs.ints("program"), r.attrs.ints("results"), r.attrs.ints("sparse"), r.attrs.ints("keeps"));
}

KernelPlan plan_elementwise(const KernelRequest& r) {
  int op = 0;
  while (std::strcmp(kEwInfo[op].name, r.op) != 0) ++op;
  const EwInfo& info = kEwInfo[op];
  const DType out = r.outputs[0].dtype;
  bool tiles = tile_type(out);
  for (const auto& t : r.inputs) tiles = tiles && tile_type(t.dtype);
  if (tiles && !(info.kind == EwKind::convert && out == DType::boolean)) {
    const int64_t n = info.arity;
    return fused_plan(r, {op, 0, n > 1 ? 1 : -1, n > 2 ? 2 : -1}, {n});
  }
  return plan_elementwise_reference(r, Ew(op));
}
}  // namespace hornbeam
