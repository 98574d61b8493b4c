#include "kernels/cpu/image/taps.hpp"

namespace hornbeam {
namespace {
constexpr double kPi = 3.14159265358979323846;
constexpr double kTiny = 1000 * 1.1920929e-7;  // a sum of weights below it is that of an element out of sight

double sinc_window(double x, double radius) {  // Duchon 1979
  if (x > radius) return 0;
  return x > 1e-3 ? radius * std::sin(kPi * x) * std::sin(kPi * x / radius) / (kPi * kPi * x * x) : 1;
}
// What an element at distance x counts, before all are made to add up to 1.
double weight_at(Interpolation kind, double x) {
  switch (kind) {
    case Interpolation::nearest:
      return 1;
    case Interpolation::bilinear:
      return std::max(1 - x, 0.0);
    case Interpolation::bicubic:  // Keys 1981, a = -0.5
      return x >= 2 ? 0 : x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
    case Interpolation::lanczos3:
      return sinc_window(x, 3);
    case Interpolation::lanczos5:
      return sinc_window(x, 5);
  }
  return 0;
}
}  // namespace

template <class T>
int Taps<T>::most() const {
  int n = 0;
  for (int64_t i = 0; i < to; ++i) n = std::max(n, count(i));
  return n;
}

template <class T>
Taps<T> Taps<T>::of(const ResampledAxis& a) {
  Taps t;
  t.from = a.from, t.to = a.to, t.same = a.same();
  t.begin.push_back(0);
  std::vector<double> w;
  for (int64_t i = 0; i < a.to; ++i) {
    const bool one = t.same || a.kind == Interpolation::nearest;
    const double at = a.place(i), last = double(a.from - 1);
    int64_t low = a.nearest(i), high = low;
    if (!one) {
      low = int64_t(std::clamp(std::ceil(at - a.reach), 0.0, last));
      high = int64_t(std::clamp(std::floor(at + a.reach), 0.0, last));
    }
    w.clear();
    double total = 0;
    for (int64_t k = low; k <= high; ++k) {
      w.push_back(one ? 1 : weight_at(a.kind, std::abs(at - double(k)) / a.wide));
      total += w.back();
    }
    size_t from = 0, to = w.size();  // without zeros at the ends
    while (from + 1 < to && w[from] == 0) ++from;
    while (to > from + 1 && w[to - 1] == 0) --to;
    t.first.push_back(int32_t(low + int64_t(from)));
    for (size_t k = from; k < to; ++k) t.weights.push_back(T(std::abs(total) > kTiny ? w[k] / total : 0));
    HB_CHECK(t.weights.size() <= size_t(INT32_MAX), "[resample] the axis takes too many neighbours: ", a.from, " to ",
             a.to);
    t.begin.push_back(int32_t(t.weights.size()));
  }
  return t;
}

template <class T>
Taps<T> Taps<T>::transposed() const {
  Taps t;
  t.from = to, t.to = from, t.same = same;
  std::vector<int32_t> end(size_t(from), 0);  // of those that each element is in
  t.first.assign(size_t(from), 0);
  for (int64_t i = 0; i < to; ++i)
    for (int k = 0; k < count(i); ++k) {
      const size_t j = size_t(first[size_t(i)] + k);
      if (end[j] == 0) t.first[j] = int32_t(i);
      end[j] = int32_t(i) + 1;
    }
  t.begin.push_back(0);
  for (size_t j = 0; j < size_t(from); ++j) t.begin.push_back(t.begin.back() + (end[j] == 0 ? 0 : end[j] - t.first[j]));
  t.weights.assign(size_t(t.begin.back()), T(0));
  for (int64_t i = 0; i < to; ++i)
    for (int k = 0; k < count(i); ++k) {
      const size_t j = size_t(first[size_t(i)] + k);
      t.weights[size_t(t.begin[j] + int32_t(i) - t.first[j])] = weights[size_t(begin[size_t(i)] + k)];
    }
  return t;
}

template struct Taps<float>;
template struct Taps<double>;
}  // namespace hornbeam
