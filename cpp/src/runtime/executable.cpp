// Executable: passes once, a plan for each input shape (the last few are kept), workspaces shared by callers.
#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "base/guard.hpp"
#include "hornbeam/device.hpp"
#include "hornbeam/op.hpp"
#include "passes/passes.hpp"
#include "runtime/backends.hpp"
#include "runtime/executable_impl.hpp"

namespace hornbeam {
namespace {
constexpr size_t kPlansKept = 8;
constexpr size_t kNodeBytes = 1024;  // of a graph, about

// The default device may be another by the time that it is asked for again.
CompileOptions on_one_device(CompileOptions options) {
  options.device = device_name(options.device);
  return options;
}
}  // namespace

Executable::Impl::Impl(const Graph& given, CompileOptions with)
    : options(on_one_device(std::move(with))),
      graph(optimize_for(options, finite_outputs(given, options.finite), evaluator(options))),
      backend(make_backend(graph, options)) {}

void Executable::Impl::check_types(const std::vector<Tensor>& in) const {
  HB_CHECK(in.size() == graph.inputs.size(), "the graph takes ", graph.inputs.size(), " inputs; got ", in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    HB_CHECK(in[i].defined(), input_name(i), " is an undefined tensor");
    HB_CHECK_TYPE(in[i].dtype() == input_type(i).dtype, input_name(i), " must be ", dtype_name(input_type(i).dtype),
                  "; got ", dtype_name(in[i].dtype()));
  }
}

DimEnv Executable::Impl::bind(const std::vector<Shape>& shapes) const {
  DimEnv env;
  HB_CHECK(shapes.size() == graph.inputs.size(), "the graph takes ", graph.inputs.size(), " inputs; got ",
           shapes.size());
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 0; i < shapes.size(); ++i) {
      const SymShape& want = input_type(i).shape;
      tensor_bytes(input_type(i).dtype, shapes[i]);  // throws for negative dimensions and overflows
      HB_CHECK(want.size() == shapes[i].size(), input_name(i), " must have ", want.size(), " axes, shape ",
               shape_text(want), "; got shape ", shape_text(shapes[i]));
      for (size_t k = 0; k < want.size(); ++k) {
        const std::string name = want[k].symbol_name();
        if (pass == 0 && !name.empty()) env.emplace(name, shapes[i][k]);
        if (pass == 1)
          HB_CHECK(want[k].eval(env) == shapes[i][k], input_name(i), " must have shape ", shape_text(want),
                   "; got shape ", shape_text(shapes[i]),
                   name.empty() ? "" : concat_text(" where ", name, "=", env[name]));
      }
    }
  check_dims(graph, env);
  return env;
}

template <class Input, class ShapeOf>
std::shared_ptr<Plan> Executable::Impl::plan_for(const std::vector<Input>& in, ShapeOf shape_of, double* seconds) {
  Guard hold(lock);
  const auto it = std::find_if(plans.begin(), plans.end(), [&](const Planned& p) {
    return std::equal(in.begin(), in.end(), p.shapes.begin(), p.shapes.end(),
                      [&](const Input& input, const Shape& shape) { return shape_of(input) == shape; });
  });
  if (it == plans.end()) {
    std::vector<Shape> shapes;
    for (const Input& input : in) shapes.push_back(shape_of(input));
    const auto start = std::chrono::steady_clock::now();
    std::shared_ptr<Plan> p = backend->plan(bind(shapes));
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    plans.push_front({std::move(shapes), std::move(p), took});
    if (plans.size() > kPlansKept) plans.pop_back();
  } else if (it != plans.begin()) {
    plans.splice(plans.begin(), plans, it);
  }
  if (seconds) *seconds = plans.front().seconds;
  return plans.front().plan;
}

std::shared_ptr<Plan> Executable::Impl::plan(const std::vector<Shape>& shapes, double* seconds) {
  return plan_for(
      shapes, [](const Shape& s) -> const Shape& { return s; }, seconds);
}
std::shared_ptr<Plan> Executable::Impl::plan(const std::vector<Tensor>& in) {
  return plan_for(
      in, [](const Tensor& t) -> const Shape& { return t.shape(); }, nullptr);
}

std::shared_ptr<Plan> Executable::Impl::prepare(const std::vector<Tensor>& in, std::vector<Tensor>& out) {
  check_types(in);
  auto p = plan(in);
  out.resize(graph.outputs.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const TensorSpec& s = p->outputs()[i];
    if (!out[i].defined()) {
      out[i] = Tensor(s.dtype, s.shape);
      continue;
    }
    HB_CHECK(out[i].dtype() == s.dtype && out[i].shape() == s.shape, "output ", i, " must be ", dtype_name(s.dtype),
             shape_text(s.shape), "; got ", dtype_name(out[i].dtype()), shape_text(out[i].shape()));
  }
  return p;
}

Executable::Executable(const Graph& graph, CompileOptions options)
    : impl_(within_memory([&] { return std::make_shared<Impl>(graph, std::move(options)); })) {}
Executable::~Executable() = default;
Executable::Executable(Executable&&) noexcept = default;
Executable& Executable::operator=(Executable&&) noexcept = default;

Executable::Impl& Executable::impl() const {
  HB_CHECK(impl_, "this Executable was moved from");
  return *impl_;
}

const Graph& Executable::graph() const { return impl().graph; }
const CompileOptions& Executable::options() const { return impl().options; }

void Executable::check_inputs(const std::vector<Tensor>& inputs) const {
  within_memory([&] {
    impl().check_types(inputs);
    impl().bind(shapes_of(inputs));
  });
}

size_t Executable::bytes_kept() const {
  Impl& e = impl();
  Guard hold(e.lock);
  size_t bytes = 0;
  for (const auto& p : e.plans) bytes += p.plan->bytes_kept();
  for (int id = 0; id < e.graph.size(); ++id)
    for (const auto& [name, value] : e.graph.node(id).attrs.items())
      if (const Tensor* t = std::get_if<Tensor>(&value)) bytes += t->bytes();
  return bytes + size_t(e.graph.size()) * kNodeBytes;
}

std::vector<Tensor> Executable::run(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  run(inputs, outputs);
  return outputs;
}

void Executable::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
  within_memory([&] {
    Impl& m = impl();
    auto plan = m.prepare(inputs, outputs);
    auto memory = plan->take();
    const std::vector<char*> in = addresses(inputs), out = addresses(outputs);
    plan->run(*memory, {in, out, {}});
    plan->give_back(std::move(memory));
  });
}
}  // namespace hornbeam
