#include "hornbeam/model.hpp"

#include <cstring>

#include "base/check.hpp"
#include "hornbeam/log.hpp"
#include "io/json.hpp"

namespace hornbeam {

struct Model::Impl {
  ModelFile file;
  CompileOptions options;
  std::shared_ptr<Executable> predict, train;
  std::vector<std::string> logs;          // names of the training step's outputs
  std::vector<VariablePtr> metric_state;  // zeroed before each epoch
  std::string learning_rate;              // name of the variable, or empty
  std::atomic<bool> cancelled{false};
};

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;

Model Model::load(const std::string& path, CompileOptions options) {
  auto m = std::make_unique<Impl>();
  m->file = read_model_file(path);
  m->options = options;
  auto compile = [&](const char* name) -> std::shared_ptr<Executable> {
    auto it = m->file.functions.find(name);
    return it == m->file.functions.end() ? nullptr : std::make_shared<Executable>(*it->second, options);
  };
  m->predict = compile("predict");
  if (!m->predict) throw FormatError("model file: it holds no predict function");
  m->train = compile("train");
  auto sig = m->file.metadata.find("signature");
  if (sig == m->file.metadata.end()) throw FormatError("model file: it holds no signature");
  const Json j = Json::parse(sig->second.data(), sig->second.data() + sig->second.size());
  Model model(std::move(m));
  for (const Json& name : j.at("logs").arr("logs")) model.impl_->logs.push_back(name.str("a log's name"));
  for (const Json& name : j.at("metric_state").arr("metric_state"))
    model.impl_->metric_state.push_back(model.variable(name.str("a variable's name")));
  model.impl_->learning_rate = j.at("learning_rate").str("the learning rate's name");
  log_message(LogLevel::info, concat_text("loaded ", path, ": ", model.impl_->file.variables.size(), " variables",
                                          model.can_train() ? "" : "; it holds no training step"));
  return model;
}

std::vector<Tensor> Model::predict(const std::vector<Tensor>& inputs) { return impl_->predict->run(inputs); }

bool Model::can_train() const { return impl_->train != nullptr; }
void Model::cancel() { impl_->cancelled.store(true); }

std::vector<Logs> Model::fit(const std::vector<Tensor>& x, const std::vector<Tensor>& y, const FitOptions& o) {
  HB_CHECK(impl_->train, "the file holds no training step: save the model after training it, or with sample=(x, y)");
  HB_CHECK(o.epochs >= 0, "epochs must be >= 0. Received: epochs=", o.epochs);
  std::vector<Tensor> arrays = x;
  arrays.insert(arrays.end(), y.begin(), y.end());
  BatchLoop loop(impl_->train, arrays, o.batch_size);
  HB_CHECK(loop.samples() > 0, "fit() was given no samples");
  impl_->cancelled.store(false);
  auto logs = [&] {
    Logs out;
    for (size_t i = 0; i < impl_->logs.size() && i < loop.outputs().size(); ++i)
      out[impl_->logs[i]] = loop.outputs()[i].at(0);
    return out;
  };
  std::vector<Logs> history;
  for (int epoch = 0; epoch < o.epochs; ++epoch) {
    for (const VariablePtr& v : impl_->metric_state) {
      std::memset(v->value().raw(), 0, v->value().bytes());
      v->changed();
    }
    if (o.shuffle) loop.shuffle(o.seed, uint64_t(epoch));
    bool go_on = true;
    for (int64_t step = 0; step < loop.steps() && go_on;) {
      step = loop.run(step, o.on_step ? step + 1 : loop.steps(), 0.02);
      go_on = !impl_->cancelled.load() && (!o.on_step || o.on_step(epoch, step - 1, logs()));
    }
    history.push_back(logs());
    std::string text = concat_text("epoch ", epoch + 1, "/", o.epochs, ":");
    for (const auto& [name, value] : history.back()) text += concat_text(" ", name, "=", value);
    log_message(LogLevel::info, text);
    if (!go_on || (o.on_epoch && !o.on_epoch(epoch, history.back()))) break;
  }
  return history;
}

std::vector<std::string> Model::variable_names() const {
  std::vector<std::string> names;
  for (const auto& [name, v] : impl_->file.variables) names.push_back(name);
  return names;
}

VariablePtr Model::variable(const std::string& name) const {
  for (const auto& [n, v] : impl_->file.variables)
    if (n == name) return v;
  throw ValueError("the model has no variable \"" + name + "\"");
}

void Model::set_learning_rate(double rate) {
  HB_CHECK(!impl_->learning_rate.empty(), "the model's learning rate is a schedule, or it has no optimizer");
  HB_CHECK(rate >= 0 && rate - rate == 0, "the learning rate must be a finite number >= 0. Received: ", rate);
  variable(impl_->learning_rate)->assign(Tensor::scalar(DType::f32, rate));
}

void Model::save(const std::string& path) const {
  write_model_file(path, impl_->file);
  log_message(LogLevel::info, "saved " + path);
}
}  // namespace hornbeam
