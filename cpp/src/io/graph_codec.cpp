#include "io/graph_codec.hpp"

#include <cmath>
#include <set>

#include "base/check.hpp"
#include "hornbeam/op.hpp"

namespace hornbeam {
namespace {
constexpr int kDeepestGraph = 15;  // graphs inside each other; each takes four levels of JSON's 64
constexpr size_t kMostAxes = 12;

[[noreturn]] void bad(const std::string& what) { throw FormatError(what); }

// Ops that a file may hold beside inputs, variables and constants: those whose types are inferred, so that they are
// checked. Graphs are stored before passes make others.
bool is_inferred(const OpDef& op) { return op.infer && !op.passes_only; }

// What holds for the graph of a function: callers name what goes in and comes out.
void check_function(const Graph& g) {
  std::set<std::string> names;
  for (const std::string& name : g.input_names)
    HB_CHECK(names.insert(name).second, "two inputs are named \"", name, "\"");
  names.clear();
  HB_CHECK(!g.outputs.empty(), "the function has no outputs");
  for (const auto& [name, v] : g.outputs) HB_CHECK(names.insert(name).second, "two outputs are named \"", name, "\"");
}

Json value_json(Value v) { return Json::list({Json::of((long long)v.node), Json::of((long long)v.out)}); }

Json shape_json(const SymShape& s) {
  HB_CHECK(s.size() <= kMostAxes, "a shape in a file may have ", kMostAxes, " axes. Received: ", shape_text(s));
  Json j = Json::list();
  for (const Dim& d : s) j.items.push_back(Json::of(d.str()));
  return j;
}

SymShape shape_of(const Json& j) {
  SymShape s;
  if (j.arr("a shape").size() > kMostAxes) bad(concat_text("a shape has more than ", kMostAxes, " axes"));
  for (const Json& d : j.items) s.push_back(Dim::parse(d.str("a dimension")));
  return s;
}

class Encoder {
 public:
  Encoder(const VariableIndex& index, const StoreTensor& store) : index_(index), store_(store) {}

  Json graph(const Graph& g) {
    HB_CHECK(depth_ < kDeepestGraph, "a file's graphs may be nested ", kDeepestGraph, " deep, and not deeper");
    ++depth_;
    Json j = Json::map(), nodes = Json::list(), outputs = Json::list(), updates = Json::list(), names = Json::list();
    for (int id = 0; id < g.size(); ++id) nodes.items.push_back(node(g, g.node(id)));
    for (const std::string& name : g.input_names) names.items.push_back(Json::of(name));
    for (const auto& [name, v] : g.outputs) outputs.items.push_back(Json::list({Json::of(name), value_json(v)}));
    for (const auto& [i, v] : g.updates) updates.items.push_back(Json::list({variable(g, i), value_json(v)}));
    j.fields["nodes"] = std::move(nodes);
    j.fields["inputs"] = std::move(names);
    j.fields["outputs"] = std::move(outputs);
    j.fields["updates"] = std::move(updates);
    --depth_;
    return j;
  }

  Json operator()(bool v) { return Json::of(v); }
  Json operator()(int64_t v) { return Json::of((long long)v); }
  Json operator()(double v) { return v - v == 0 ? Json::of(v) : Json::of(v != v ? "nan" : v > 0 ? "inf" : "-inf"); }
  Json operator()(const std::string& v) { return Json::of(v); }
  Json operator()(DType v) { return Json::of(dtype_name(v)); }
  Json operator()(const Ints& v) {
    Json j = Json::list();
    for (int64_t i : v) j.items.push_back(Json::of((long long)i));
    return j;
  }
  Json operator()(const SymShape& v) { return shape_json(v); }
  Json operator()(const Tensor& v) { return Json::of(store_(v)); }
  Json operator()(const std::shared_ptr<const Graph>& v) { return graph(*v); }
  Json operator()(const std::shared_ptr<const CustomGradient>& v) { return Json::of(v->name); }

 private:
  Json variable(const Graph& g, int64_t i) { return Json::of((long long)index_(g.variables[size_t(i)].get())); }

  Json node(const Graph& g, const Node& n) {
    Json j = Json::map(), attrs = Json::map(), in = Json::list();
    const std::string op = n.op->name;
    const OpKind kind = n.op->kind;
    for (Value v : n.inputs) in.items.push_back(value_json(v));
    if (kind == OpKind::input) {
      j.fields["dtype"] = Json::of(dtype_name(n.outputs[0].dtype));
      j.fields["shape"] = shape_json(n.outputs[0].shape);
    } else if (kind == OpKind::variable) {
      attrs.fields["index"] = variable(g, n.attrs.integer("index"));
    } else {
      HB_CHECK(kind == OpKind::constant || is_inferred(*n.op), "op \"", op, "\" may not stand in a file");
      for (const auto& [name, value] : n.attrs.items()) attrs.fields[name] = std::visit(*this, value);
    }
    j.fields["op"] = Json::of(op);
    j.fields["version"] = Json::of((long long)n.op->version);
    j.fields["in"] = std::move(in);
    j.fields["attrs"] = std::move(attrs);
    if (!n.scope.empty()) j.fields["scope"] = Json::of(n.scope);
    return j;
  }

  const VariableIndex& index_;
  const StoreTensor& store_;
  int depth_ = 0;
};

class Decoder {
 public:
  Decoder(const std::vector<VariablePtr>& variables, const FindTensor& find, int depth)
      : variables_(variables), find_(find), depth_(depth), g_(std::make_shared<Graph>()) {}

  std::shared_ptr<Graph> graph(const Json& j) {
    if (depth_ == kDeepestGraph) bad(concat_text("graphs are nested more than ", kDeepestGraph, " deep"));
    const auto& names = j.at("inputs").arr("inputs");
    for (const Json& n : j.at("nodes").arr("nodes")) node(n, names);
    g_->set_scope("");
    if (g_->inputs.size() != names.size())
      bad(concat_text(names.size(), " inputs are named, and ", g_->inputs.size(), " nodes are inputs"));
    for (const Json& o : j.at("outputs").arr("outputs")) {
      const auto& pair = o.pair("an output");
      g_->outputs.push_back({pair[0].str("an output's name"), value(pair[1])});
    }
    std::set<const Variable*> updated;
    for (const Json& u : j.at("updates").arr("updates")) {
      const auto& pair = u.pair("an update");
      const VariablePtr& v = variable(pair[0]);
      if (!updated.insert(v.get()).second) bad("variable \"" + v->name() + "\" is updated twice");
      g_->assign(v, value(pair[1]));
    }
    return std::move(g_);
  }

 private:
  void node(const Json& j, const std::vector<Json>& names) {
    const std::string& name = j.at("op").str("an op");
    try {
      const Json* scope = j.find("scope");
      g_->set_scope(scope ? scope->str("a scope") : "");
      made_.push_back(add(name, j, names));
    } catch (const MemoryError&) {
      throw;
    } catch (const Error& e) {
      bad(concat_text("node ", made_.size(), " (", name.substr(0, 60), "): ", e.what()));
    }
  }

  std::vector<Value> add(const std::string& name, const Json& j, const std::vector<Json>& names) {
    const OpDef& op = find_op(name);
    const long long version = j.at("version").integer("a version");
    if (version < 1) bad(concat_text("an op's version is 1 or more. Received: ", version));
    if (version > op.version)
      bad(concat_text("version ", version, " of the op needs a newer Hornbeam; this one has version ", op.version));
    const Json& attrs = j.at("attrs");
    if (op.kind == OpKind::input) {
      if (g_->inputs.size() == names.size()) bad("the input has no name");
      return {g_->input(names[g_->inputs.size()].str("an input's name"), dtype_from_name(j.at("dtype").str("a dtype")),
                        shape_of(j.at("shape")))};
    }
    if (op.kind == OpKind::variable) return {g_->read(variable(attrs.at("index")))};
    if (op.kind == OpKind::constant) return {g_->constant(find_(attrs.at("value").str("a tensor's name")))};
    if (!is_inferred(op)) bad("the op may not stand in a file");
    std::vector<Value> in;
    for (const Json& v : j.at("in").arr("inputs")) in.push_back(value(v));
    Attrs given;
    for (const auto& [key, a] : attrs.obj("the parameters")) given.set(key, attr(op, key, a));
    return g_->add(op, in, given);
  }

  Value value(const Json& j) {
    const auto& pair = j.pair("a value");
    const long long id = pair[0].integer("a node"), out = pair[1].integer("an output");
    if (id < 0 || size_t(id) >= made_.size() || out < 0 || size_t(out) >= made_[size_t(id)].size())
      bad(concat_text("no earlier node makes value [", id, ",", out, "]"));
    return made_[size_t(id)][size_t(out)];
  }

  const VariablePtr& variable(const Json& j) {
    const long long i = j.integer("a variable");
    if (i < 0 || size_t(i) >= variables_.size())
      bad(concat_text("there is no variable ", i, ": the file has ", variables_.size()));
    return variables_[size_t(i)];
  }

  AttrValue attr(const OpDef& op, const std::string& name, const Json& j) {
    for (const AttrSpec& spec : op.attrs)
      if (name == spec.name) return attr(spec.type, ("parameter `" + name + "`").c_str(), j);
    bad("the op has no parameter `" + name + "`");
  }

  AttrValue attr(AttrType type, const char* what, const Json& j) {
    switch (type) {
      case AttrType::boolean:
        return j.truth(what);
      case AttrType::integer:
        return int64_t(j.integer(what));
      case AttrType::real:
        if (j.kind != Json::string) return j.real(what);
        if (j.text == "nan") return double(NAN);
        if (j.text == "inf" || j.text == "-inf") return j.text[0] == '-' ? -double(INFINITY) : double(INFINITY);
        bad(concat_text(what, " must be a number"));
      case AttrType::text:
        return j.str(what);
      case AttrType::dtype:
        return dtype_from_name(j.str(what));
      case AttrType::ints: {
        Ints v;
        for (const Json& i : j.arr(what)) v.push_back(i.integer(what));
        return v;
      }
      case AttrType::dims:
        return shape_of(j);
      case AttrType::tensor:
        return find_(j.str(what));
      case AttrType::graph:
        return std::shared_ptr<const Graph>(Decoder(variables_, find_, depth_ + 1).graph(j));
      case AttrType::gradient:
        return gradient(j.str(what));
    }
    bad(concat_text(what, " is of unknown type"));
  }

  static std::shared_ptr<const CustomGradient> gradient(const std::string& name) {
    auto c = std::make_shared<CustomGradient>();
    c->name = name;
    c->rule = [name](Graph&, const std::vector<Value>&, const std::vector<Value>&,
                     const std::vector<Value>&) -> std::vector<Value> {
      throw GradientError("the gradient of \"" + name + "\" is code, which a file does not hold");
    };
    return c;
  }

  const std::vector<VariablePtr>& variables_;
  const FindTensor& find_;
  int depth_;
  std::shared_ptr<Graph> g_;
  std::vector<std::vector<Value>> made_;  // what each node of the file makes
};
}  // namespace

Json encode_function(const Graph& g, const VariableIndex& index, const StoreTensor& store) {
  check_function(g);
  return Encoder(index, store).graph(g);
}

std::shared_ptr<Graph> decode_function(const Json& j, const std::vector<VariablePtr>& variables,
                                       const FindTensor& find) {
  std::shared_ptr<Graph> g = Decoder(variables, find, 0).graph(j);
  check_function(*g);
  return g;
}
}  // namespace hornbeam
