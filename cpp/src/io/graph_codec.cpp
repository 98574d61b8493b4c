#include "io/graph_codec.hpp"

#include <charconv>
#include <cmath>

#include "base/check.hpp"

namespace hornbeam {
namespace {
constexpr size_t kMostNodes = 1000000;

[[noreturn]] void bad(const std::string& what) { throw FormatError("model file: " + what); }

Json value_json(Value v) {
  Json j = Json::list();
  j.items = {Json::of((long long)v.node), Json::of((long long)v.out)};
  return j;
}
Json shape_json(const SymShape& s) {
  Json j = Json::list();
  for (const Dim& d : s) j.items.push_back(Json::of(d.str()));
  return j;
}
SymShape shape_of(const Json& j) {
  SymShape s;
  for (const Json& d : j.arr("a shape")) s.push_back(Dim::parse(d.str("a dimension")));
  if (s.size() > 12) bad("a shape has more than 12 axes");
  return s;
}

Json attr_json(const AttrValue& value, const VariableIndex& index, const StoreTensor& store) {
  struct Encode {
    const VariableIndex& index;
    const StoreTensor& store;
    Json operator()(bool v) const { return Json::of(v); }
    Json operator()(int64_t v) const { return Json::of((long long)v); }
    Json operator()(double v) const {
      if (v != v) return Json::of(std::string("nan"));
      if (v - v != 0) return Json::of(std::string(v > 0 ? "inf" : "-inf"));
      char text[40];
      auto r = std::to_chars(text, text + sizeof text, v);
      Json j = Json::make(Json::number);
      j.text.assign(text, r.ptr);
      return j;
    }
    Json operator()(const std::string& v) const { return Json::of(v); }
    Json operator()(DType v) const { return Json::of(std::string(dtype_name(v))); }
    Json operator()(const Ints& v) const {
      Json j = Json::list();
      for (int64_t i : v) j.items.push_back(Json::of((long long)i));
      return j;
    }
    Json operator()(const SymShape& v) const { return shape_json(v); }
    Json operator()(const Tensor& v) const { return Json::of(store(v)); }
    Json operator()(const std::shared_ptr<const Graph>& v) const { return encode_graph(*v, index, store); }
    Json operator()(const std::shared_ptr<const CustomGradient>& v) const { return Json::of(v->name); }
  };
  return std::visit(Encode{index, store}, value);
}

AttrValue attr_of(AttrType type, const Json& j, const std::vector<VariablePtr>& variables, const FindTensor& find,
                  int depth) {
  switch (type) {
    case AttrType::boolean:
      if (j.kind != Json::boolean) bad("a parameter must be true or false");
      return j.flag;
    case AttrType::integer:
      return int64_t(j.integer("a parameter"));
    case AttrType::real:
      if (j.kind == Json::string) return j.text == "inf" ? INFINITY : j.text == "-inf" ? -INFINITY : NAN;
      return j.real("a parameter");
    case AttrType::text:
      return j.str("a parameter");
    case AttrType::dtype:
      return dtype_from_name(j.str("a dtype"));
    case AttrType::ints: {
      Ints v;
      for (const Json& i : j.arr("a parameter")) v.push_back(i.integer("a parameter"));
      return v;
    }
    case AttrType::dims:
      return shape_of(j);
    case AttrType::tensor:
      return find(j.str("a tensor's name"));
    case AttrType::graph:
      return std::shared_ptr<const Graph>(decode_graph(j, variables, find, depth + 1));
    case AttrType::gradient: {
      auto c = std::make_shared<CustomGradient>();
      c->name = j.str("a gradient's name");
      c->rule = [name = c->name](Graph&, const std::vector<Value>&, const std::vector<Value>&,
                                 const std::vector<Value>&) -> std::vector<Value> {
        throw GradientError("the gradient of \"" + name + "\" is code, which a file does not hold");
      };
      return std::shared_ptr<const CustomGradient>(c);
    }
  }
  bad("a parameter of unknown type");
}
}  // namespace

Json encode_graph(const Graph& g, const VariableIndex& index, const StoreTensor& store) {
  Json j = Json::map(), nodes = Json::list(), outputs = Json::list(), updates = Json::list(), names = Json::list();
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    Json node = Json::map(), attrs = Json::map();
    node.fields["op"] = Json::of(std::string(n.op->name));
    node.fields["version"] = Json::of((long long)n.op->version);
    Json in = Json::list();
    for (Value v : n.inputs) in.items.push_back(value_json(v));
    node.fields["in"] = in;
    const std::string op = n.op->name;
    if (op == "input") {
      node.fields["dtype"] = Json::of(std::string(dtype_name(n.outputs[0].dtype)));
      node.fields["shape"] = shape_json(n.outputs[0].shape);
    } else if (op == "variable") {
      attrs.fields["index"] = Json::of((long long)index(g.variables[size_t(n.attrs.integer("index"))].get()));
    } else {
      for (const auto& [name, value] : n.attrs.items()) attrs.fields[name] = attr_json(value, index, store);
    }
    node.fields["attrs"] = attrs;
    if (!n.scope.empty()) node.fields["scope"] = Json::of(n.scope);
    nodes.items.push_back(std::move(node));
  }
  for (const std::string& name : g.input_names) names.items.push_back(Json::of(name));
  for (const auto& [name, v] : g.outputs) {
    Json o = Json::list();
    o.items = {Json::of(name), value_json(v)};
    outputs.items.push_back(o);
  }
  for (const auto& [i, v] : g.updates) {
    Json u = Json::list();
    u.items = {Json::of((long long)index(g.variables[size_t(i)].get())), value_json(v)};
    updates.items.push_back(u);
  }
  j.fields["nodes"] = std::move(nodes);
  j.fields["inputs"] = names;
  j.fields["outputs"] = outputs;
  j.fields["updates"] = updates;
  return j;
}

std::shared_ptr<Graph> decode_graph(const Json& j, const std::vector<VariablePtr>& variables, const FindTensor& find,
                                    int depth) {
  if (depth > 16) bad("graphs are nested too deeply");
  auto g = std::make_shared<Graph>();
  const auto& nodes = j.at("nodes").arr("nodes");
  const auto& names = j.at("inputs").arr("inputs");
  if (nodes.size() > kMostNodes) bad("the graph has too many nodes");
  size_t inputs = 0;
  std::vector<std::vector<Value>> made;
  auto value = [&](const Json& v) {
    const auto& pair = v.arr("a value");
    if (pair.size() != 2) bad("a value must be [node, output]");
    const long long id = pair[0].integer("a node"), out = pair[1].integer("an output");
    if (id < 0 || size_t(id) >= made.size() || out < 0 || size_t(out) >= made[size_t(id)].size())
      bad(concat_text("node ", made.size(), " refers to ", id, ".", out, ", which no earlier node makes"));
    return made[size_t(id)][size_t(out)];
  };
  auto variable = [&](const Json& v) -> const VariablePtr& {
    const long long i = v.integer("a variable");
    if (i < 0 || size_t(i) >= variables.size()) bad(concat_text("there is no variable ", i));
    return variables[size_t(i)];
  };
  for (const Json& node : nodes) {
    const std::string& name = node.at("op").str("an op");
    const Json* scope = node.find("scope");
    g->set_scope(scope ? scope->str("a scope") : "");
    try {
      const OpDef& op = find_op(name);
      if (node.at("version").integer("a version") > op.version)
        bad(concat_text("op ", name, " version ", node.at("version").text, " is newer than this library's ",
                        op.version));
      const Json& attrs = node.at("attrs");
      if (name == "input") {
        if (inputs >= names.size()) bad("more inputs than names");
        made.push_back({g->input(names[inputs++].str("an input's name"),
                                 dtype_from_name(node.at("dtype").str("a dtype")), shape_of(node.at("shape")))});
        continue;
      }
      if (name == "variable") {
        made.push_back({g->read(variable(attrs.at("index")))});
        continue;
      }
      if (name == "constant") {
        made.push_back({g->constant(find(attrs.at("value").str("a tensor's name")))});
        continue;
      }
      if (!op.infer) bad("op \"" + name + "\" may not stand in a file");
      std::vector<Value> in;
      for (const Json& v : node.at("in").arr("inputs")) in.push_back(value(v));
      Attrs given;
      for (const AttrSpec& spec : op.attrs) {
        const Json* a = attrs.find(spec.name);
        if (a) given.set(spec.name, attr_of(spec.type, *a, variables, find, depth));
      }
      made.push_back(g->add(op, in, given));
    } catch (const FormatError&) {
      throw;
    } catch (const Error& e) {
      bad(concat_text("node ", made.size(), ": ", e.what()));
    } catch (const std::logic_error& e) {
      bad(concat_text("node ", made.size(), ": ", e.what()));
    }
  }
  if (inputs != names.size()) bad("an input's node is missing");
  for (const Json& o : j.at("outputs").arr("outputs")) {
    const auto& pair = o.arr("an output");
    if (pair.size() != 2) bad("an output must be [name, value]");
    g->outputs.push_back({pair[0].str("an output's name"), value(pair[1])});
  }
  for (const Json& u : j.at("updates").arr("updates")) {
    const auto& pair = u.arr("an update");
    if (pair.size() != 2) bad("an update must be [variable, value]");
    try {
      g->assign(variable(pair[0]), value(pair[1]));
    } catch (const FormatError&) {
      throw;
    } catch (const Error& e) {
      bad(e.what());
    }
  }
  g->set_scope("");
  return g;
}
}  // namespace hornbeam
