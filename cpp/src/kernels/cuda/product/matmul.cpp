// matmul: what the op says as a Product, and the form of it that is quickest to compute.
#include <algorithm>
#include <utility>

#include "kernels/cuda/product/product.hpp"

namespace hornbeam::cuda {
namespace {
int64_t size_from_end(const Shape& shape, size_t i) { return i < shape.size() ? shape[shape.size() - 1 - i] : 1; }

// The batch axes of the factors, broadcast as NumPy does; neighbours that step alike are one.
std::vector<Product::Axis> batch_axes(const Shape& a, const Shape& b, const Shape& y) {
  std::vector<Product::Axis> axes;
  int64_t a_step = size_from_end(a, 0) * size_from_end(a, 1), b_step = size_from_end(b, 0) * size_from_end(b, 1);
  for (size_t i = 2; i < y.size(); ++i) {
    const int64_t size = size_from_end(y, i), a_size = size_from_end(a, i), b_size = size_from_end(b, i);
    const Product::Axis axis{size, a_size == 1 ? 0 : a_step, b_size == 1 ? 0 : b_step};
    a_step *= a_size, b_step *= b_size;
    if (size == 1) continue;
    if (!axes.empty() && axis.a_step == axes.back().a_step * axes.back().size &&
        axis.b_step == axes.back().b_step * axes.back().size)
      axes.back().size *= size;
    else
      axes.push_back(axis);
  }
  return axes;
}

// One matrix on the right for many on the left whose rows lie one after another: one tall product.
void fold_rows(Product* p) {
  if (p->m == 1) p->a.transposed = false;  // a row lies as a column does
  if (p->a.transposed || p->batch.empty() || p->batch[0].b_step != 0 || p->batch[0].a_step != p->m * p->k) return;
  p->m *= p->batch[0].size;
  p->batch.erase(p->batch.begin());
}

// A column is as well the row (A B)^T = B^T A^T. Vectors lie along the axis that libraries read by several numbers.
void turn(Product* p) {
  if (p->n == 1 && p->m > 1) {
    std::swap(p->m, p->n);
    std::swap(p->a, p->b);
    p->a.transposed = !p->a.transposed, p->b.transposed = !p->b.transposed;
    for (Product::Axis& axis : p->batch) std::swap(axis.a_step, axis.b_step);
  }
  if (p->m == 1) p->a.transposed = false;
  if (p->n == 1) p->b.transposed = true;
  if (p->k == 1) p->a.transposed = p->m > 1, p->b.transposed = false;
}
}  // namespace

int64_t Product::entries() const {
  int64_t count = 1;
  for (const Axis& axis : batch) count *= axis.size;
  return count;
}

void plan_product(Planner& p, Product product, const Epilogue* then) {
  fold_rows(&product);
  turn(&product);
  const bool library = p.target().blas != nullptr, empty = product.k == 0;
  const Epilogue::Simple simple = then ? then->simple() : Epilogue::Simple();
  if (library && !empty && simple.is && plan_library_product(p, product, simple)) return;
  const End end = then ? then->end() : write_end(product.dtype, product.c);
  if (then && (library || empty)) product.c = then->room(p);
  if (empty)
    p.fill(product.c, 0, product.c_size() * int64_t(dtype_size(product.dtype)));
  else if (!library || !plan_library_product(p, product))
    return plan_tiled_product(p, product, end);
  if (then) then->launch(p, product.c);
}

KernelPlan plan_matmul(const KernelRequest& r) {
  Planner p(r);
  const Shape &a = r.inputs[0].shape, &b = r.inputs[1].shape, &y = r.outputs[0].shape;
  Product product;
  product.dtype = r.inputs[0].dtype;
  product.a = {p.in(0), r.attrs.flag("transpose_a")};
  product.b = {p.in(1), r.attrs.flag("transpose_b")};
  product.c = p.out();
  product.m = size_from_end(y, 1), product.n = y.back();
  product.k = size_from_end(a, product.a.transposed ? 1 : 0);
  product.batch = batch_axes(a, b, y);
  const Epilogue then(p, r, 2, product.dtype);
  plan_product(p, std::move(product), &then);
  return p.done();
}
}  // namespace hornbeam::cuda
