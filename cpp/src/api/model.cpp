#include "hornbeam/model.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "api/edge.hpp"
#include "base/check.hpp"
#include "hornbeam/log.hpp"
#include "io/json.hpp"

namespace hornbeam {

struct Model::Impl {
  ModelFile file;
  CompileOptions options;
  std::optional<Edge> edge;  // of a model that takes strings
  std::shared_ptr<Executable> predict;
  std::shared_ptr<Executable> train, unchecked;  // the training step, with a finite loss and with any; made when needed
  std::vector<std::string> logs;                 // names of the training step's outputs
  std::vector<VariablePtr> metric_state;         // zeroed before each epoch
  std::string learning_rate;                     // name of the variable, or empty
  uint64_t next_order = 0;                       // of the samples: the first that no epoch has taken
  std::atomic<bool> cancelled{false};

  Impl(const std::string& path, CompileOptions with);
  VariablePtr variable(const std::string& name) const;
  void read_signature();
  std::shared_ptr<Executable> compile(const char* name, bool finite_loss) const;

  const std::shared_ptr<Executable>& step(OnNonfinite on_nonfinite);
  void reset_metrics();
  Logs logs_of(const BatchLoop& loop) const;
  bool run_epoch(BatchLoop& loop, int epoch, const FitOptions& o);
  std::vector<Logs> fit(std::vector<Tensor> arrays, const FitOptions& o);
};

Model::Impl::Impl(const std::string& path, CompileOptions with)
    : file(read_model_file(path)), options(std::move(with)) {
  if (!file.functions.count("predict")) throw FormatError("model file: it holds no predict function");
  read_signature();
  if (file.metadata.count("edge")) edge.emplace(file);
  predict = compile("predict", false);
  if (file.functions.count("train")) train = compile("train", true);
}

VariablePtr Model::Impl::variable(const std::string& name) const {
  for (const auto& [n, v] : file.variables)
    if (n == name) return v;
  throw ValueError("the model has no variable \"" + name + "\"");
}

void Model::Impl::read_signature() {
  const auto text = file.metadata.find("signature");
  if (text == file.metadata.end()) throw FormatError("model file: it holds no signature");
  const Json j = Json::parse(text->second.data(), text->second.data() + text->second.size());
  for (const Json& name : j.at("logs").arr("logs")) logs.push_back(name.str("a log's name"));
  try {
    for (const Json& name : j.at("metric_state").arr("metric_state"))
      metric_state.push_back(variable(name.str("a variable's name")));
    learning_rate = j.at("learning_rate").str("the learning rate's name");
    if (!learning_rate.empty()) variable(learning_rate);
  } catch (const FormatError&) {
    throw;
  } catch (const ValueError& e) {
    throw FormatError(concat_text("model file: the signature is wrong: ", e.what()));
  }
}

std::shared_ptr<Executable> Model::Impl::compile(const char* name, bool finite_loss) const {
  const Graph& g = *file.functions.at(name);
  CompileOptions o = options;
  const size_t loss = size_t(std::find(logs.begin(), logs.end(), "loss") - logs.begin());
  if (finite_loss && loss < logs.size() && loss < g.outputs.size() && is_float(g.dtype(g.outputs[loss].second)))
    o.finite.push_back(g.outputs[loss].first);
  return std::make_shared<Executable>(g, std::move(o));
}

const std::shared_ptr<Executable>& Model::Impl::step(OnNonfinite on_nonfinite) {
  HB_CHECK(train, "the file holds no training step: save the model after training it, or with sample=(x, y)");
  if (on_nonfinite == OnNonfinite::raise) return train;
  if (!unchecked) unchecked = compile("train", false);
  return unchecked;
}

void Model::Impl::reset_metrics() {
  for (const VariablePtr& v : metric_state) {
    std::memset(v->value().raw(), 0, v->value().bytes());
    v->changed();
  }
}

Logs Model::Impl::logs_of(const BatchLoop& loop) const {
  Logs out;
  for (size_t i = 0; i < logs.size() && i < loop.outputs().size(); ++i)
    if (loop.outputs()[i].size() > 0) out[logs[i]] = loop.outputs()[i].at(0);
  return out;
}

// Whether to go on after it.
bool Model::Impl::run_epoch(BatchLoop& loop, int epoch, const FitOptions& o) {
  for (int64_t step = 0; step < loop.steps();) {
    try {
      step = loop.run(step, o.on_step ? step + 1 : loop.steps(), std::numeric_limits<double>::infinity(), &cancelled);
    } catch (const NonFiniteError& e) {
      throw NonFiniteError(concat_text("fit: the loss must be finite, and is not after step ", loop.at() + 1, " of ",
                                       loop.steps(), " in epoch ", epoch + 1, " of ", o.epochs,
                                       "; that step changed nothing: ", e.what()));
    }
    if (o.on_step && !o.on_step(epoch, step - 1, within_memory([&] { return logs_of(loop); }))) return false;
    if (cancelled.load()) return false;  // on_step may have asked for it
  }
  return true;
}

std::vector<Logs> Model::Impl::fit(std::vector<Tensor> arrays, const FitOptions& o) {
  HB_CHECK(o.epochs >= 0, "epochs must be >= 0. Received: epochs=", o.epochs);
  HB_CHECK(o.initial_epoch >= 0, "initial_epoch must be >= 0. Received: initial_epoch=", o.initial_epoch);
  BatchLoop loop(step(o.on_nonfinite), std::move(arrays), o.batch_size);
  HB_CHECK(loop.samples() > 0, "fit() was given no samples");
  std::vector<Logs> history;
  for (int epoch = o.initial_epoch; epoch < o.epochs && !cancelled.load(); ++epoch) {
    reset_metrics();
    if (o.shuffle) {
      next_order = std::max(next_order, uint64_t(epoch));
      loop.shuffle(o.seed, next_order++);
    }
    const bool go_on = run_epoch(loop, epoch, o);
    within_memory([&] {
      history.push_back(logs_of(loop));
      std::string text = concat_text("epoch ", epoch + 1, "/", o.epochs, ":");
      for (const auto& [name, value] : history.back()) text += concat_text(" ", name, "=", value);
      log_message(LogLevel::info, text);
    });
    if (!go_on || (o.on_epoch && !o.on_epoch(epoch, history.back()))) break;
  }
  return history;
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

Model::Impl& Model::impl() const {
  HB_CHECK(impl_, "this Model was moved from");
  return *impl_;
}

Model Model::load(const std::string& path, CompileOptions options) {
  return within_memory([&] {
    Model model(std::make_unique<Impl>(path, std::move(options)));
    log_message(LogLevel::info, concat_text("loaded ", path, ": ", model.impl().file.variables.size(), " variables",
                                            model.can_train() ? "" : "; it holds no training step"));
    return model;
  });
}

std::vector<Tensor> Model::predict(const std::vector<Tensor>& inputs) { return impl().predict->run(inputs); }

std::vector<Tensor> Model::encode(const std::vector<std::vector<std::string>>& texts,
                                  const std::vector<Tensor>& others) const {
  const Impl& m = impl();
  HB_CHECK(m.edge, "the model takes no strings, or makes numbers of them in Python alone");
  return within_memory([&] { return m.edge->encode(texts, others); });
}

bool Model::can_train() const { return impl().train != nullptr; }
void Model::cancel() { impl().cancelled.store(true); }

std::vector<Logs> Model::fit(const std::vector<Tensor>& x, const std::vector<Tensor>& y, const FitOptions& o) {
  Impl& m = impl();
  struct Ends {
    std::atomic<bool>& cancelled;
    ~Ends() { cancelled.store(false); }
  } ends{m.cancelled};
  std::vector<Tensor> arrays;
  within_memory([&] {
    arrays = x;
    arrays.insert(arrays.end(), y.begin(), y.end());
  });
  return m.fit(std::move(arrays), o);
}

std::vector<std::string> Model::variable_names() const {
  std::vector<std::string> names;
  for (const auto& [name, v] : impl().file.variables) names.push_back(name);
  return names;
}

VariablePtr Model::variable(const std::string& name) const { return impl().variable(name); }

void Model::set_learning_rate(double rate) {
  const Impl& m = impl();
  HB_CHECK(!m.learning_rate.empty(), "the model's learning rate is a schedule, or it has no optimizer");
  HB_CHECK(rate >= 0 && rate - rate == 0, "the learning rate must be a finite number >= 0. Received: ", rate);
  m.variable(m.learning_rate)->assign(Tensor::scalar(DType::f32, rate));
}

void Model::save(const std::string& path) const {
  write_model_file(path, impl().file);
  log_message(LogLevel::info, "saved " + path);
}
}  // namespace hornbeam
