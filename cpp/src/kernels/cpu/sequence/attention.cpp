// Attention by blocks of query rows: the scores of a block, their softmax and the product with the values all stay in
// cache. A unit of work is a head of a sample (and, forward, a share of its rows), so parts never meet.
#include <limits>

#include "kernels/cpu/product/gemm.hpp"

namespace hornbeam {
namespace {
constexpr int64_t kBlock = 64;        // query rows taken together at most
constexpr int64_t kCausalBlock = 28;  // and where all of them see the keys of the last
constexpr int64_t kKeys = 192;  // whose part of the gradient is made together: it stays in L2, however many there are
const float kMasked = -std::numeric_limits<float>::infinity();

int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

struct AttentionParams {
  int64_t batch = 0, rows = 0, heads = 0, depth = 0;  // of q [batch, rows, heads, depth]
  int64_t keys = 0, width = 0;                        // and of v [batch, keys, heads, width]
  int64_t block = kBlock;                             // query rows taken together
  float scale = 1;
  bool causal = false, masked = false;
  int64_t mask_stride[4] = {0, 0, 0, 0};
  int64_t shares = 1;  // of a head's rows
  const IsaTable* isa = nullptr;
  Gemm scores;          // [block, keys] = q k^T
  Gemm values;          // [block, width] = p v
  Gemm d_weights;       // [block, keys] = dy v^T
  Gemm d_query;         // [block, depth] = ds k
  int64_t row = 0;      // floats from one row of scores to the next: an odd number of lines, for the cache's sets
  int64_t near = 0;     // keys whose gradients are made together
  int64_t scratch = 0;  // floats of each part at work

  int64_t near_row() const { return (padded(near) / 16 | 1) * 16; }

  int64_t q_stride() const { return heads * depth; }
  int64_t v_stride() const { return heads * width; }
  // Keys that rows before `end` can see.
  int64_t seen(int64_t end) const { return causal && !masked ? std::min(keys, end) : keys; }
};

AttentionParams shape_of(const KernelRequest& r) {
  const Shape &q = r.inputs[0].shape, &v = r.inputs[2].shape;
  AttentionParams p;
  p.batch = q[0], p.rows = q[1], p.heads = q[2], p.depth = q[3], p.keys = v[1], p.width = v[3];
  p.scale = float(r.attrs.real("scale")), p.causal = r.attrs.flag("causal"), p.masked = r.attrs.flag("masked");
  if (r.inputs[0].dtype != DType::f32) no_kernel(r);
  p.isa = r.target.isa;
  if (p.masked) {
    const Shape& m = r.inputs[3].shape;
    int64_t step = 1;
    for (size_t i = 4; i-- > 0;) {
      p.mask_stride[i] = m[i] == 1 ? 0 : step;
      step *= m[i];
    }
  }
  p.block = p.causal && !p.masked ? kCausalBlock : kBlock;
  const int64_t block = std::min(p.rows, p.block);
  p.scores = Gemm::plan_whole(r.target.isa, block, p.keys, p.depth, false);
  p.values = Gemm::plan_whole(r.target.isa, block, p.width, p.keys, false);
  p.d_weights = Gemm::plan_whole(r.target.isa, block, p.keys, p.width, false);
  p.d_query = Gemm::plan_whole(r.target.isa, block, p.depth, p.keys, false);
  p.row = (padded(p.keys) / 16 | 1) * 16;
  const int64_t panel = p.d_weights.panel();  // of which the keys that are near have whole ones
  p.near = std::max<int64_t>(1, std::min(p.keys, std::max(panel, kKeys / panel * panel)));
  return p;
}

// The head and rows of one unit of work.
struct Head {
  int64_t sample, head;
  Range rows;
};
Head head_of(const AttentionParams& p, int64_t unit) {
  const int64_t share = unit % p.shares, head = unit / p.shares;
  return {head / p.heads, head % p.heads, part_range(p.rows, int(p.shares), int(share), p.block)};
}

struct Blocks {  // successive pieces of a part's scratch
  float* at;
  float* take(int64_t n) {
    float* p = at;
    at += padded(n);
    return p;
  }
};
const uint8_t* mask_row(const AttentionParams& p, const KernelCall& c, const Head& h, int64_t row) {
  return buffer<const uint8_t>(c, 3) + h.sample * p.mask_stride[0] + h.head * p.mask_stride[1] + row * p.mask_stride[2];
}

// Writes `value` over what one row's scores of some keys became, where they may not be seen.
void hide(const AttentionParams& p, const KernelCall& c, const Head& h, int64_t row, float* scores, const Range& keys,
          float value) {
  if (p.masked) {
    const uint8_t* m = mask_row(p, c, h, row) + keys.begin * p.mask_stride[3];
    if (p.mask_stride[3] == 1)
      for (int64_t s = 0; s < keys.size(); ++s) scores[s] = m[s] ? scores[s] : value;
    else if (!*m)
      std::fill(scores, scores + keys.size(), value);
  }
  if (p.causal)
    for (int64_t s = std::max(row + 1, keys.begin); s < keys.end; ++s) scores[s - keys.begin] = value;
}

void pack_scaled_keys(const AttentionParams& p, const float* k, float* packed) {
  p.scores.pack_all({k, 1, p.q_stride()}, packed);
  p.isa->scale_shift(packed, packed, p.scores.packed_size(), p.scale, 0.0f);
}

// The exponentials of a row's first n scores, and 1 / their sum; zeros where nothing is allowed.
float exponentials(const AttentionParams& p, float* row, int64_t n) {
  const float top = p.isa->max(row, n);
  if (top == kMasked) {
    std::fill(row, row + n, 0.0f);
    return 0;
  }
  return 1.0f / p.isa->exp_sum(row, row, n, top);
}

void run_forward(const KernelCall& c) {
  const auto& p = params_of<AttentionParams>(c);
  Blocks blocks{buffer<float>(c, c.work) + c.thread * p.scratch};
  float* keys = blocks.take(p.scores.packed_size());
  float* values = blocks.take(p.values.packed_size());
  float* scores = blocks.take(p.block * p.row);
  const Range units = part_range(p.batch * p.heads * p.shares, c.parts, c.part);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const Head h = head_of(p, unit);
    const int64_t q_at = h.sample * p.rows * p.q_stride() + h.head * p.depth;
    const float* q = buffer<const float>(c, 0) + q_at;
    const float* k = buffer<const float>(c, 1) + h.sample * p.keys * p.q_stride() + h.head * p.depth;
    const float* v = buffer<const float>(c, 2) + h.sample * p.keys * p.v_stride() + h.head * p.width;
    float* y = buffer<float>(c, c.out) + h.sample * p.rows * p.v_stride() + h.head * p.width;
    pack_scaled_keys(p, k, keys);
    p.values.pack_all({v, p.v_stride(), 1}, values);
    for (int64_t first = h.rows.begin; first < h.rows.end; first += p.block) {
      const int64_t n = std::min(p.block, h.rows.end - first), seen = p.seen(first / p.block * p.block + p.block);
      p.scores.multiply_rows(p.depth, q + first * p.q_stride(), p.q_stride(), keys, scores, p.row, n, {0, seen}, {});
      float inverse[kBlock];
      for (int64_t i = 0; i < n; ++i) {
        float* row = scores + i * p.row;
        const int64_t t = first + i, sees = p.masked ? p.keys : p.causal ? std::min(seen, t + 1) : seen;
        if (p.masked) hide(p, c, h, t, row, {0, p.keys}, kMasked);
        inverse[i] = exponentials(p, row, sees);
        std::fill(row + sees, row + seen, 0.0f);
      }
      float* out = y + first * p.v_stride();
      p.values.multiply_rows(seen, scores, p.row, values, out, p.v_stride(), n);
      for (int64_t i = 0; i < n; ++i)
        p.isa->scale_shift(out + i * p.v_stride(), out + i * p.v_stride(), p.width, inverse[i], 0.0f);
    }
  }
}

void run_backward(const KernelCall& c) {
  const auto& p = params_of<AttentionParams>(c);
  const int inputs = p.masked ? 4 : 3;
  Blocks blocks{buffer<float>(c, c.work) + c.thread * p.scratch};
  float* keys = blocks.take(p.scores.packed_size());
  float* values = blocks.take(p.d_weights.packed_size());
  float* plain_keys = blocks.take(p.d_query.packed_size());
  float* scores = blocks.take(p.block * p.row);
  float* weights = blocks.take(p.block * p.near_row());
  float* slopes = blocks.take(p.block * p.near_row());
  float* q_rows = blocks.take(p.block * p.depth);
  float* dy_rows = blocks.take(p.block * p.width);
  const Range units = part_range(p.batch * p.heads, c.parts, c.part);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const int64_t sample = unit / p.heads, head = unit % p.heads;
    const Head h{sample, head, {0, p.rows}};
    const int64_t q_at = sample * p.rows * p.q_stride() + head * p.depth,
                  k_at = sample * p.keys * p.q_stride() + head * p.depth,
                  v_at = sample * p.keys * p.v_stride() + head * p.width,
                  y_at = sample * p.rows * p.v_stride() + head * p.width;
    const float *q = buffer<const float>(c, 0) + q_at, *k = buffer<const float>(c, 1) + k_at,
                *v = buffer<const float>(c, 2) + v_at, *y = buffer<const float>(c, inputs) + y_at,
                *dy = buffer<const float>(c, inputs + 1) + y_at;
    float *dq = buffer<float>(c, c.out) + q_at, *dk = buffer<float>(c, c.out + 1) + k_at,
          *dv = buffer<float>(c, c.out + 2) + v_at;
    pack_scaled_keys(p, k, keys);
    p.d_weights.pack_all({v, 1, p.v_stride()}, values);
    p.d_query.pack_all({k, p.q_stride(), 1}, plain_keys);
    for (int64_t s = 0; s < p.keys; ++s) {
      std::fill(dk + s * p.q_stride(), dk + s * p.q_stride() + p.depth, 0.0f);
      std::fill(dv + s * p.v_stride(), dv + s * p.v_stride() + p.width, 0.0f);
    }
    for (int64_t first = 0; first < p.rows; first += p.block) {
      const int64_t n = std::min(p.block, p.rows - first), seen = p.seen(first + p.block);
      for (int64_t i = 0; i < n; ++i) {  // side by side, or they would share few of the cache's sets
        copy_floats(q_rows + i * p.depth, q + (first + i) * p.q_stride(), p.depth);
        copy_floats(dy_rows + i * p.width, dy + (first + i) * p.v_stride(), p.width);
      }
      p.scores.multiply_rows(p.depth, q_rows, p.depth, keys, scores, p.row, n, {0, seen}, {});
      float inverse[kBlock], delta[kBlock];
      for (int64_t i = 0; i < n; ++i) {
        const int64_t t = first + i;
        hide(p, c, h, t, scores + i * p.row, {0, seen}, kMasked);
        inverse[i] = exponentials(p, scores + i * p.row, seen);
        delta[i] = p.isa->dot(dy_rows + i * p.width, y + t * p.v_stride(), p.width);
      }
      Gemm d_query = p.d_query;
      for (int64_t at = 0; at < seen || at == 0; at += p.near) {  // of no keys at all, zeros
        const int64_t m = std::min(p.near, seen - at), row = p.near_row();
        p.d_weights.multiply_rows(p.width, dy_rows, p.width, values + at * p.width, slopes, row, n, {0, m}, {});
        for (int64_t i = 0; i < n; ++i) {
          float *w = weights + i * row, *s = slopes + i * row;
          p.isa->scale_shift(w, scores + i * p.row + at, m, inverse[i], 0.0f);
          p.isa->softmax_grad(s, w, s, m, delta[i], p.scale);
          if (p.masked) hide(p, c, h, first + i, s, {at, at + m}, 0.0f);
        }
        d_query.add = at > 0;
        d_query.multiply_rows(m, slopes, row, plain_keys + at * d_query.panel(), dq + first * p.q_stride(),
                              p.q_stride(), n);
        multiply_outer(p.isa,
                       {m, p.depth, slopes, row, q_rows, p.depth, n, dk + at * p.q_stride(), p.q_stride(), true});
        multiply_outer(p.isa,
                       {m, p.width, weights, row, dy_rows, p.width, n, dv + at * p.v_stride(), p.v_stride(), true});
      }
    }
  }
}
}  // namespace

KernelPlan plan_attention(const KernelRequest& r) {
  AttentionParams p = shape_of(r);
  const int64_t heads = p.batch * p.heads, blocks = (p.rows + p.block - 1) / p.block;
  p.shares = std::max<int64_t>(1, std::min<int64_t>(blocks, 8 / std::max<int64_t>(1, heads)));
  p.scratch = padded(p.scores.packed_size()) + padded(p.values.packed_size()) + padded(p.block * p.row);
  const double cost = 2.0 * double(p.rows) * double(p.keys) * double(p.depth + p.width) / double(p.shares);
  const int parts = parts_for(heads * p.shares, cost, 1e6);
  const size_t bytes = size_t(at_once(r, parts) * p.scratch) * 4;
  return make_plan(std::move(p), {{run_forward, parts}}, bytes);
}

KernelPlan plan_attention_grad(const KernelRequest& r) {
  AttentionParams p = shape_of(r);
  p.scratch = padded(p.scores.packed_size()) + padded(p.d_weights.packed_size()) + padded(p.d_query.packed_size()) +
              padded(p.block * p.row) + 2 * padded(p.block * p.near_row()) + padded(p.block * p.depth) +
              padded(p.block * p.width);
  const int parts =
      parts_for(p.batch * p.heads, 5.0 * double(p.rows) * double(p.keys) * double(p.depth + p.width), 1e6);
  const size_t bytes = size_t(at_once(r, parts) * p.scratch) * 4;
  return make_plan(std::move(p), {{run_backward, parts}}, bytes);
}
}  // namespace hornbeam
