// Group normalization of x [N, before, C, after]: each group of channels of a sample has one mean and one variance. A
// group a channel and N = 1 is batch normalization with the channels anywhere. Where what a group has in a row is long,
// a part takes a sample's group at a time, else a sample, or one chunk of it after another: both while it is in cache.
#include <cmath>

#include "kernels/cpu/product/epilogue.hpp"
#include "kernels/cpu/rows/columns.hpp"

namespace hornbeam {
namespace {
constexpr int kMostChunks = 16;
constexpr int64_t kShortRun = 16;  // of channels' floats: such ones are taken down columns
constexpr int64_t kBlock = 4096;   // floats that stay in L1

struct GroupParams {
  int64_t samples = 1, before = 1, channels, after = 1, groups;
  double epsilon;
  const IsaTable* isa;
  bool columns;    // statistics are taken down columns of [before, channels * after], else along the groups' runs
  int chunks = 1;  // that the rows of a sample are cut into
  int parts = 1;   // of all samples, where they are not
  Epilogue epilogue;

  int64_t width() const { return channels * after; }
  int64_t sample() const { return before * width(); }
  int64_t each() const { return channels / groups; }  // channels of a group
  int64_t run() const { return each() * after; }      // floats that a group has side by side
  double count() const { return double(std::max<int64_t>(1, before * run())); }
  double rstd(double variance) const { return 1 / std::sqrt(variance + epsilon); }
};

GroupParams group_params(const KernelRequest& r) {
  const Shape& x = r.inputs[0].shape;
  GroupParams p;
  int64_t axis = r.attrs.integer("axis");
  if (axis < 0) axis += int64_t(x.size());
  for (int64_t i = 0; i < int64_t(x.size()); ++i)
    if (i != axis) (i == 0 ? p.samples : i < axis ? p.before : p.after) *= x[size_t(i)];
  p.channels = x[size_t(axis)];
  p.groups = r.attrs.integer("groups");
  p.epsilon = r.attrs.real("epsilon");
  p.isa = r.target.isa;
  if (r.inputs[0].dtype != DType::f32) no_kernel(r);
  p.columns = p.before > 1 && p.after < kShortRun;
  const int most = parts_for(p.samples * p.before, 4.0 * double(p.width()));
  if (p.columns && p.samples < 8) p.chunks = std::min(most, kMostChunks / int(std::max<int64_t>(1, p.samples)));
  p.parts = std::min(parts_for(p.columns ? p.samples : p.samples * p.groups, 6.0 * double(p.sample())), kMostChunks);
  return p;
}

// y [begin, end) of a sample's rows, from scale and shift of each column.
void apply_columns(const KernelCall& c, const GroupParams& p, int64_t sample, Range rows, const float* scale) {
  const int64_t block = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, p.width()));
  for (int64_t row = rows.begin; row < rows.end; row += block) {
    const int64_t begin = sample * p.sample() + row * p.width(), count = std::min(block, rows.end - row);
    p.isa->affine_columns(buffer<float>(c, c.out) + begin, buffer<const float>(c, 0) + begin, scale, scale + p.width(),
                          count, p.width());
    if (p.epilogue.present) p.epilogue.apply(c, buffer<float>(c, c.out), begin, begin + count * p.width());
  }
}

struct Statistics {
  double mean, variance;
};
void keep(const KernelCall& c, const GroupParams& p, int64_t sample, int64_t group, const Statistics& s) {
  if (float* mean = buffer<float>(c, c.out + 1)) mean[sample * p.groups + group] = float(s.mean);
  if (float* variance = buffer<float>(c, c.out + 2)) variance[sample * p.groups + group] = float(s.variance);
}

// The statistics of a sample's groups from those of its columns in `rows` rows: scale and shift of each column.
void scale_columns(const KernelCall& c, const GroupParams& p, int64_t sample, const float* mean, const float* squares,
                   float* scale) {
  const float *gamma = buffer<const float>(c, 1), *beta = buffer<const float>(c, 2);
  const double rows = double(std::max<int64_t>(1, p.before));
  for (int64_t g = 0; g < p.groups; ++g) {
    const int64_t first = g * p.run(), end = first + p.run();
    double sum = 0, about = 0;
    for (int64_t i = first; i < end; ++i) sum += double(mean[i]);
    const double centre = sum / double(std::max<int64_t>(1, p.run()));
    for (int64_t i = first; i < end; ++i) {
      const double d = double(mean[i]) - centre;
      about += double(squares[i]) + rows * d * d;
    }
    const Statistics s{centre, about / p.count()};
    const double rstd = p.rstd(s.variance);
    keep(c, p, sample, g, s);
    for (int64_t k = g * p.each(); k < (g + 1) * p.each(); ++k) {
      const double a = double(gamma[k]) * rstd, b = double(beta[k]) - s.mean * a;
      for (int64_t i = k * p.after; i < (k + 1) * p.after; ++i) scale[i] = float(a), scale[p.width() + i] = float(b);
    }
  }
}

// ---- x, gamma, beta -> y, mean, variance; down columns ----

// The workspace: mean, squares and scratch of each sample's chunks (or of each part), then the columns' scales.
float* chunk_at(const KernelCall& c, const GroupParams& p, int64_t chunk) {
  return buffer<float>(c, c.work) + chunk * 4 * p.width();
}
float* scale_at(const KernelCall& c, const GroupParams& p, int64_t i) {
  const int64_t chunks = p.chunks > 1 ? p.samples * p.chunks : p.parts;
  return chunk_at(c, p, chunks) + i * 2 * p.width();
}
void take_samples(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  float *mean = chunk_at(c, p, c.part), *scale = scale_at(c, p, c.part);
  const Range r = part_range(p.samples, c.parts, c.part);
  for (int64_t n = r.begin; n < r.end; ++n) {
    column_moments(Columns{p.isa}, mean, buffer<const float>(c, 0) + n * p.sample(), p.before, p.width());
    scale_columns(c, p, n, mean, mean + p.width(), scale);
    apply_columns(c, p, n, {0, p.before}, scale);
  }
}
void take_chunk(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  const Range r = part_range(p.before, p.chunks, c.part % p.chunks);
  const float* x = buffer<const float>(c, 0) + c.part / p.chunks * p.sample() + r.begin * p.width();
  column_moments(Columns{p.isa}, chunk_at(c, p, c.part), x, r.size(), p.width());
}
void join_chunks(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  const int64_t n = c.part, w = p.width();
  float *mean = chunk_at(c, p, n * p.chunks), *squares = mean + w;
  for (int k = 1; k < p.chunks; ++k) {
    const Range r = part_range(p.before, p.chunks, k);
    const float* more = chunk_at(c, p, n * p.chunks + k);
    if (r.size() > 0) join_moments(double(r.begin), mean, squares, double(r.size()), more, more + w, w);
  }
  scale_columns(c, p, n, mean, squares, scale_at(c, p, n));
}
void apply_chunk(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  const int64_t n = c.part / p.chunks;
  apply_columns(c, p, n, part_range(p.before, p.chunks, c.part % p.chunks), scale_at(c, p, n));
}

// ---- along runs ----

Statistics run_statistics(const GroupParams& p, const float* x) {  // of a group that begins at x
  double count = 0, mean = 0, squares = 0;
  for (int64_t row = 0; row < p.before; ++row)
    for (int64_t at = 0; at < p.run(); at += kBlock) {
      const float* block = x + row * p.width() + at;
      const int64_t n = std::min(kBlock, p.run() - at);
      const float block_mean = p.isa->sum(block, n) / float(n);
      const double more = double(block_mean), about = double(p.isa->sum_squares(block, n, block_mean));
      join_moments(count, &mean, &squares, double(n), &more, &about, 1);
      count += double(n);
    }
  return {mean, squares / p.count()};
}
void take_groups(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  const Range r = part_range(p.samples * p.groups, c.parts, c.part);
  const float *gamma = buffer<const float>(c, 1), *beta = buffer<const float>(c, 2);
  float* out = buffer<float>(c, c.out);
  for (int64_t u = r.begin; u < r.end; ++u) {
    const int64_t n = u / p.groups, g = u % p.groups, first = g * p.each(), begin = n * p.sample() + g * p.run();
    const float* x = buffer<const float>(c, 0);
    const Statistics s = run_statistics(p, x + begin);
    const double rstd = p.rstd(s.variance);
    keep(c, p, n, g, s);
    for (int64_t row = 0; row < p.before; ++row) {
      const int64_t from = begin + row * p.width();
      if (p.after == 1)
        p.isa->layer_norm_row(out + from, x + from, gamma + first, beta + first, p.run(), float(s.mean), float(rstd));
      else
        for (int64_t k = 0; k < p.each(); ++k) {
          const double a = double(gamma[first + k]) * rstd;
          p.isa->scale_shift(out + from + k * p.after, x + from + k * p.after, p.after, float(a),
                             float(double(beta[first + k]) - s.mean * a));
        }
      if (p.epilogue.present) p.epilogue.apply(c, out, from, from + p.run());
    }
  }
}

// ---- x, gamma, mean, variance, dy -> dx, dgamma, dbeta ----
//
// With sums S of dy and D of dy (x - mean) of each channel, dgamma = D rstd and dbeta = S, and of each group's P, the
// sum of gamma S, and Q, that of gamma D: dx = dy gamma rstd + x b + c, with b = -Q rstd^3 / count, c = -P rstd / count
// - b mean.
struct Slopes {
  double scale, b, c;  // dx = dy * gamma * scale + x * b + c
};
Slopes slopes(const GroupParams& p, double mean, double rstd, double sum, double dot) {
  const double b = -dot * rstd * rstd * rstd / p.count();
  return {rstd, b, -sum * rstd / p.count() - b * mean};
}
// The workspace: each part's sums of dgamma and dbeta in double, then floats: of each chunk (or part) 3 columns'
// numbers (mean, S, D), then of each sample (or part) as many (dx = dy * a + x * b + c).
double* totals_at(const KernelCall& c, const GroupParams& p, int64_t part) {
  return buffer<double>(c, c.work) + part * 2 * p.channels;
}
float* sums_at(const KernelCall& c, const GroupParams& p, int64_t i) {
  const int64_t parts = p.chunks > 1 ? p.samples : p.parts;
  return reinterpret_cast<float*>(totals_at(c, p, parts)) + i * 3 * p.width();
}
float* slopes_at(const KernelCall& c, const GroupParams& p, int64_t i) {
  return sums_at(c, p, (p.chunks > 1 ? p.samples * p.chunks : p.parts) + i);
}
// mean, S and D of the columns of some rows of a sample.
void sum_columns(const KernelCall& c, const GroupParams& p, int64_t sample, Range rows, float* sums) {
  const int64_t w = p.width(), begin = sample * p.sample() + rows.begin * w;
  const float* mean = buffer<const float>(c, 2) + sample * p.groups;
  for (int64_t g = 0; g < p.groups; ++g) std::fill(sums + g * p.run(), sums + (g + 1) * p.run(), mean[g]);
  std::fill(sums + w, sums + 3 * w, 0.0f);
  p.isa->add_norm_grads(sums + w, sums + 2 * w, buffer<const float>(c, 0) + begin, buffer<const float>(c, 4) + begin,
                        sums, rows.size(), w);
}
// What of a sample's S and D goes to dgamma and dbeta, and to dx.
void slope_columns(const KernelCall& c, const GroupParams& p, int64_t sample, const float* sums, double* totals,
                   float* to) {
  const int64_t w = p.width();
  const float *gamma = buffer<const float>(c, 1), *means = buffer<const float>(c, 2) + sample * p.groups,
              *variances = buffer<const float>(c, 3) + sample * p.groups;
  for (int64_t g = 0; g < p.groups; ++g) {
    const int64_t first = g * p.each(), end = first + p.each();
    const double rstd = p.rstd(double(variances[g]));
    double sum = 0, dot = 0;
    for (int64_t k = first; k < end; ++k) {
      double s = 0, d = 0;
      for (int64_t i = k * p.after; i < (k + 1) * p.after; ++i) s += double(sums[w + i]), d += double(sums[2 * w + i]);
      sum += double(gamma[k]) * s, dot += double(gamma[k]) * d;
      totals[k] += d * rstd, totals[p.channels + k] += s;
    }
    const Slopes of = slopes(p, double(means[g]), rstd, sum, dot);
    for (int64_t k = first; k < end; ++k) {
      const float a = float(double(gamma[k]) * of.scale);
      for (int64_t i = k * p.after; i < (k + 1) * p.after; ++i)
        to[i] = a, to[w + i] = float(of.b), to[2 * w + i] = float(of.c);
    }
  }
}
void grad_rows(const KernelCall& c, const GroupParams& p, int64_t sample, Range rows, const float* to) {
  const int64_t w = p.width(), begin = sample * p.sample() + rows.begin * w;
  if (float* dx = buffer<float>(c, 5))
    p.isa->affine2_columns(dx + begin, buffer<const float>(c, 0) + begin, buffer<const float>(c, 4) + begin, to, to + w,
                           to + 2 * w, rows.size(), w);
}
void grad_samples(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  double* totals = totals_at(c, p, c.part);
  std::fill(totals, totals + 2 * p.channels, 0.0);
  float *sums = sums_at(c, p, c.part), *to = slopes_at(c, p, c.part);
  const Range r = part_range(p.samples, c.parts, c.part);
  for (int64_t n = r.begin; n < r.end; ++n) {
    sum_columns(c, p, n, {0, p.before}, sums);
    slope_columns(c, p, n, sums, totals, to);
    grad_rows(c, p, n, {0, p.before}, to);
  }
}
void grad_sum_chunk(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  sum_columns(c, p, c.part / p.chunks, part_range(p.before, p.chunks, c.part % p.chunks), sums_at(c, p, c.part));
}
void grad_join_chunks(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  const int64_t n = c.part, w = p.width();
  double* totals = totals_at(c, p, n);
  std::fill(totals, totals + 2 * p.channels, 0.0);
  float* sums = sums_at(c, p, n * p.chunks);
  for (int k = 1; k < p.chunks; ++k) p.isa->add_rows(sums + w, sums_at(c, p, n * p.chunks + k) + w, 1, 2 * w, 2 * w);
  slope_columns(c, p, n, sums, totals, slopes_at(c, p, n));
}
void grad_apply_chunk(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  const int64_t n = c.part / p.chunks;
  grad_rows(c, p, n, part_range(p.before, p.chunks, c.part % p.chunks), slopes_at(c, p, n));
}
void grad_groups(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  double* totals = totals_at(c, p, c.part);
  std::fill(totals, totals + 2 * p.channels, 0.0);
  const bool flat = p.before == 1 && p.after == 1;  // dgamma and dbeta are added up in single precision first
  float *channels = sums_at(c, p, c.part), *dx = buffer<float>(c, 5);
  if (flat) std::fill(channels, channels + 2 * p.channels, 0.0f);
  const float *x = buffer<const float>(c, 0), *gamma = buffer<const float>(c, 1), *dy = buffer<const float>(c, 4);
  const Range r = part_range(p.samples * p.groups, c.parts, c.part);
  for (int64_t u = r.begin; u < r.end; ++u) {
    const int64_t n = u / p.groups, g = u % p.groups, first = g * p.each(), begin = n * p.sample() + g * p.run();
    const float mean = buffer<const float>(c, 2)[u];
    const double rstd = p.rstd(double(buffer<const float>(c, 3)[u]));
    if (flat) {
      p.isa->layer_norm_grad_row(dx ? dx + begin : nullptr, channels + first, channels + p.channels + first, x + begin,
                                 dy + begin, gamma + first, p.run(), mean, float(rstd), true);
      continue;
    }
    double sum = 0, dot = 0;
    for (int64_t k = 0; k < p.each(); ++k) {
      double s = 0, d = 0;
      for (int64_t row = 0; row < p.before; ++row) {
        const int64_t from = begin + row * p.width() + k * p.after;
        float sums[2] = {};
        p.isa->norm_grad_row(sums, x + from, dy + from, p.after, mean);
        s += double(sums[0]), d += double(sums[1]);
      }
      const double scale = double(gamma[first + k]);
      sum += scale * s, dot += scale * d;
      totals[first + k] += d * rstd, totals[p.channels + first + k] += s;
    }
    if (!dx) continue;
    const Slopes to = slopes(p, double(mean), rstd, sum, dot);
    for (int64_t row = 0; row < p.before; ++row)
      for (int64_t k = 0; k < p.each(); ++k) {
        const int64_t from = begin + row * p.width() + k * p.after;
        p.isa->affine2_row(dx + from, x + from, dy + from, p.after, float(double(gamma[first + k]) * to.scale),
                           float(to.b), float(to.c));
      }
  }
  for (int64_t i = 0; flat && i < 2 * p.channels; ++i) totals[i] += double(channels[i]);
}
void grad_totals(const KernelCall& c) {
  const auto& p = params_of<GroupParams>(c);
  const int64_t parts = p.chunks > 1 ? p.samples : p.parts;
  for (int64_t i = 0; i < 2 * p.channels; ++i) {
    double total = 0;
    for (int64_t k = 0; k < parts; ++k) total += totals_at(c, p, k)[i];
    const int out = i < p.channels ? 6 : 7;
    if (float* to = buffer<float>(c, out)) to[i % p.channels] = float(total);
  }
}
}  // namespace

KernelPlan plan_group_norm(const KernelRequest& r) {
  GroupParams p = group_params(r);
  p.epilogue = Epilogue::plan(r, 3, Epilogue::kNotInRegisters);
  if (!p.columns) return make_plan(p, {{take_groups, p.parts}});
  const bool cut = p.chunks > 1;
  const int chunks = cut ? int(p.samples) * p.chunks : p.parts, scales = cut ? int(p.samples) : p.parts;
  const size_t bytes = size_t(4 * chunks + 2 * scales) * size_t(p.width()) * 4;
  if (!cut) return make_plan(p, {{take_samples, p.parts}}, bytes);
  return make_plan(p, {{take_chunk, chunks}, {join_chunks, scales}, {apply_chunk, chunks}}, bytes);
}
KernelPlan plan_group_norm_grad(const KernelRequest& r) {
  const GroupParams p = group_params(r);
  const bool cut = p.chunks > 1;
  const int chunks = cut ? int(p.samples) * p.chunks : p.parts, scales = cut ? int(p.samples) : p.parts;
  const size_t bytes =
      size_t(scales) * size_t(2 * p.channels) * 8 + size_t(3 * (chunks + scales)) * size_t(p.width()) * 4;
  if (!p.columns) return make_plan(p, {{grad_groups, p.parts}, {grad_totals, 1}}, bytes);
  if (!cut) return make_plan(p, {{grad_samples, p.parts}, {grad_totals, 1}}, bytes);
  return make_plan(
      p, {{grad_sum_chunk, chunks}, {grad_join_chunks, scales}, {grad_apply_chunk, chunks}, {grad_totals, 1}}, bytes);
}
}  // namespace hornbeam
