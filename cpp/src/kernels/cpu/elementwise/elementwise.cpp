// The tile machine that runs elementwise groups in float32.
#include "kernels/cpu/elementwise/fused.hpp"
#include "kernels/cpu/elementwise/lay_out.hpp"

namespace hornbeam {
namespace {

bool tile_type(DType d) { return d == DType::f32 || d == DType::boolean; }

// An input's elements at [at, end) of the space, as floats.
void read_input(float* dst, const void* src, DType d, const Walk& walk, size_t k, int64_t at, int64_t end) {
  with_type(d, [&](auto zero) {
    const auto* x = static_cast<const decltype(zero)*>(src);
    if (walk.contiguous(k))
      convert_elements(dst, x + at, end - at);
    else
      lay_out(dst, x, walk, k, at, end);
  });
}
// An operand whose innermost floats repeat over long stretches of the space: a row's factor, a bias, a channel's gate.
bool repeats(const Walk& walk, size_t k, FusedKernel::Input& in) {
  const Ints& strides = walk.strides[k];
  int64_t period = 1;
  size_t axis = walk.sizes.size();
  for (; axis > 0 && strides[axis - 1] == period; --axis) period *= walk.sizes[axis - 1];
  int64_t block = period;
  for (; axis > 0 && strides[axis - 1] == 0; --axis) block *= walk.sizes[axis - 1];
  in.period = period, in.block = block, in.outer = axis;
  return block == walk.total || in.unbroken() >= kTile / 2;
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
  HB_CHECK(n_reg <= kMostRegisters && outs.size() <= kLargestGroup, "[", op, "] a fused group may have ",
           kMostRegisters, " inputs and instructions, not ", n_reg);
  merge_instructions(k.code, n_in, results);
  std::vector<int> last(size_t(n_reg), -1);  // last instruction that reads a register
  for (int i = 0; i < int(k.code.size()); ++i)
    for (int r : {k.code[size_t(i)].a, k.code[size_t(i)].b, k.code[size_t(i)].c})
      if (r >= 0) last[size_t(r)] = i;
  for (int i = 0; i < n_in; ++i) {
    FusedKernel::Input in{FusedKernel::Input::laid_out, ins[size_t(i)].dtype, -1};
    in.last_read = last[size_t(i)];
    const auto listed = std::find(sparse.begin(), sparse.end(), i);
    if (listed != sparse.end())
      in.kind = FusedKernel::Input::rows, in.ids = n_in + int(listed - sparse.begin());
    else if (k.walk.scalar(size_t(i)))
      in.kind = FusedKernel::Input::scalar;
    else if (k.walk.contiguous(size_t(i)))
      in.kind = in.dtype == DType::f32 ? FusedKernel::Input::direct : FusedKernel::Input::laid_out;
    else if (in.dtype == DType::f32 && repeats(k.walk, size_t(i), in))
      in.kind = FusedKernel::Input::repeated;
    if (in.kind != FusedKernel::Input::direct) {
      in.slot = k.slots++;
      if (in.kind == FusedKernel::Input::repeated) ++k.slots;  // a period more: a tile may start anywhere in it
    }
    k.inputs.push_back(in);
  }
  for (size_t j = 0; j < results.size(); ++j) {
    FusedKernel::Output o{int(results[j]), outs[j].dtype, false};
    bool unique = true;
    for (size_t q = 0; q < j; ++q) unique = unique && results[q] != results[j];
    o.direct = o.dtype == DType::f32 && o.reg >= n_in && unique;
    k.outputs.push_back(o);
  }
  k.slot.assign(k.code.size(), -1);
  std::vector<int> free_slots;
  for (int i = 0; i < int(k.code.size()); ++i) {
    if (k.code[size_t(i)].op < 0) continue;
    if (free_slots.empty()) free_slots.push_back(k.slots++);
    k.slot[size_t(i)] = free_slots.back();
    free_slots.pop_back();
    for (int q = 0; q < i; ++q) {  // results that die here free their tile
      bool is_output = false;
      for (const auto& o : k.outputs) is_output = is_output || o.reg == n_in + q;
      if (!is_output && k.slot[size_t(q)] >= 0 && last[size_t(n_in + q)] == i) free_slots.push_back(k.slot[size_t(q)]);
    }
  }
  for (int i = 0; i < int(k.code.size()); ++i) {
    const EwInstr& e = k.code[size_t(i)];
    if (e.op >= 0)
      k.steps.push_back({isa->elementwise[e.op], n_in + i, e.a, e.b >= 0 ? e.b : e.a, e.c >= 0 ? e.c : e.a});
  }
  HB_CHECK(k.slots <= kMaxSlots, "[", op, "] a fused group may take ", kMaxSlots, " tiles, not ", k.slots);
  return k;
}

void FusedKernel::prefetch(void* const* in, void* const* out, int64_t at, int n) const {
  auto fetch = [&](const void* x, auto written) {
    for (int i = 0; i < n; i += 16) __builtin_prefetch(static_cast<const float*>(x) + at + i, written.value);
  };
  for (size_t k = 0; k < inputs.size(); ++k)
    if (inputs[k].kind == Input::direct) fetch(in[k], std::false_type{});
  for (size_t j = 0; j < outputs.size(); ++j)
    if (outputs[j].direct && out[j]) fetch(out[j], std::true_type{});
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

// Where a repeated input has the floats of a block.
const float* FusedKernel::find_block(const void* x, size_t i, int64_t block) const {
  int64_t offset = 0;
  for (size_t axis = inputs[i].outer; axis-- > 0; block /= walk.sizes[axis])
    offset += block % walk.sizes[axis] * walk.strides[i][axis];
  return static_cast<const float*>(x) + offset;
}

// The floats of the tile at `at`. What is less than two tiles from where one has to end is halved.
int64_t FusedKernel::tile_at(int64_t at, int64_t end) const {
  int64_t n = std::min<int64_t>(kTile, end - at);
  for (const Input& s : inputs) {
    if (s.kind != Input::repeated) continue;
    const int64_t left = s.unbroken() - at % s.unbroken();
    n = std::min(n, left > kTile && left < 2 * kTile ? (left / 2 + 15) / 16 * 16 : left);
  }
  return n;
}

// A register lies at base + the tile's place & mask: in a slot, which stays where it is, or along an input or output.
struct Place {
  float* base;
  int64_t mask;
};

void FusedKernel::run(void* const* in, void* const* out, int64_t begin, int64_t end, int replaced,
                      const float* replace) const {
  alignas(64) float tiles[kMaxSlots][kTile];
  Place reg[kMostRegisters];
  struct {
    int64_t block = -1;
    const float* floats;
  } at_hand[kMostRegisters];  // of repeated inputs
  const int n_in = int(inputs.size());
  for (int i = 0; i < n_in; ++i) {
    const Input& s = inputs[size_t(i)];
    if (i == replaced)
      reg[i] = {const_cast<float*>(replace) - begin, -1};
    else if (s.kind == Input::direct)
      reg[i] = {static_cast<float*>(in[i]), -1};
    else
      reg[i] = {tiles[s.slot], 0};
    if (i == replaced) continue;
    if (s.kind == Input::scalar) {
      float v = 0;
      with_type(s.dtype, [&](auto zero) { v = float(*static_cast<const decltype(zero)*>(in[i])); });
      std::fill(tiles[s.slot], tiles[s.slot] + std::min<int64_t>(kTile, end - begin), v);
    }
  }
  for (size_t i = 0; i < code.size(); ++i)
    if (code[i].op >= 0) reg[size_t(n_in) + i] = {tiles[slot[i]], 0};
  // Results are written where they go, unless that is the memory of an input that is read later.
  uint64_t copied = 0;
  for (size_t j = 0; j < outputs.size(); ++j) {
    const Output& o = outputs[j];
    bool direct = o.direct && out[j];
    for (const Input& s : inputs) {
      const size_t i = size_t(&s - inputs.data());
      direct = direct && !(s.kind == Input::direct && in[i] == out[j] && n_in + s.last_read > o.reg);
    }
    if (direct)
      reg[o.reg] = {static_cast<float*>(out[j]), -1};
    else
      copied |= uint64_t(out[j] != nullptr) << j;
  }
  int64_t next = begin;
  for (int64_t at = begin; at < end; at = next) {
    const int n = int(tile_at(at, end));
    next = at + n;
    for (int i = 0; i < n_in; ++i) {
      const Input& s = inputs[size_t(i)];
      if (s.kind == Input::direct || s.kind == Input::scalar || i == replaced) continue;
      if (s.kind == Input::laid_out) {
        read_input(tiles[s.slot], in[i], s.dtype, walk, size_t(i), at, next);
      } else if (s.kind == Input::repeated) {
        auto& [block, floats] = at_hand[i];
        if (block != at / s.block) {
          block = at / s.block;
          floats = find_block(in[i], size_t(i), block);
          if (!s.in_place()) {
            const int64_t most = s.period + std::min<int64_t>({kTile, s.block, end - begin});
            if (s.period == 1)
              std::fill(tiles[s.slot], tiles[s.slot] + most, *floats);
            else
              copy_floats(tiles[s.slot], floats, s.period), repeat(tiles[s.slot], s.period, most);
            floats = tiles[s.slot];
          }
        }
        reg[i].base = const_cast<float*>(floats) + at % s.period;
      } else {
        read_rows(s, in, size_t(i), at, n, tiles[s.slot]);
      }
    }
    if (next < end) prefetch(in, out, next, int(std::min<int64_t>(kTile, end - next)));
    auto place = [&](int r) { return reg[r].base + (at & reg[r].mask); };
    for (const Step& s : steps) s.fn(place(s.to), place(s.a), place(s.b), place(s.c), n);
    for (size_t j = 0; j < outputs.size(); ++j) {
      if (!(copied >> j & 1)) continue;
      const float* v = place(outputs[j].reg);
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
  FusedKernel k = make_fused(inputs, r.outputs, program, results, r.target.isa, r.op.name, sparse);
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
  const int op = r.op.elementwise;
  const EwInfo& info = kEwInfo[op];
  const DType out = r.outputs[0].dtype;
  bool tiles = tile_type(out), bytes = out == DType::boolean;  // bools alone need no floats
  for (const auto& t : r.inputs) tiles = tiles && tile_type(t.dtype), bytes = bytes && t.dtype == DType::boolean;
  if (tiles && !bytes && !(info.kind == EwKind::convert && out == DType::boolean)) {
    const int64_t n = info.arity;
    return fused_plan(r, {op, 0, n > 1 ? 1 : -1, n > 2 ? 2 : -1}, {n});
  }
  return plan_elementwise_reference(r, Ew(op));
}
}  // namespace hornbeam
