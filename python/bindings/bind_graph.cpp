// Dimensions, variables, graphs and gradients.
#include <pybind11/functional.h>
#include <pybind11/operators.h>

#include "convert.hpp"
#include "gil.hpp"
#include "hornbeam/gradients.hpp"

using namespace hornbeam;

namespace {
void bind_dim(py::module_& m) {
  auto arithmetic = [](auto op) {
    return [op](const Dim& a, const py::object& b) -> py::object {
      if (!py::isinstance<Dim>(b) && !PyIndex_Check(b.ptr()))
        return py::reinterpret_borrow<py::object>(Py_NotImplemented);
      return to_object(op(a, to_dim(b)));
    };
  };
  auto add = [](const Dim& a, const Dim& b) { return a + b; };
  auto sub = [](const Dim& a, const Dim& b) { return a - b; };
  auto rsub = [](const Dim& a, const Dim& b) { return b - a; };
  auto mul = [](const Dim& a, const Dim& b) { return a * b; };
  auto div = [](const Dim& a, const Dim& b) { return floordiv(a, b); };
  auto rdiv = [](const Dim& a, const Dim& b) { return floordiv(b, a); };
  py::class_<Dim>(m, "Dim", "A dimension known only when a graph runs: an expression over named dimensions.")
      .def(py::init(&Dim::symbol), py::arg("name"))
      .def("__add__", arithmetic(add))
      .def("__radd__", arithmetic(add))
      .def("__sub__", arithmetic(sub))
      .def("__rsub__", arithmetic(rsub))
      .def("__mul__", arithmetic(mul))
      .def("__rmul__", arithmetic(mul))
      .def("__floordiv__", arithmetic(div))
      .def("__rfloordiv__", arithmetic(rdiv))
      .def("__neg__", [](const Dim& a) { return to_object(Dim(0) - a); })
      .def("__eq__",
           [](const Dim& a, const py::object& b) {
             return (py::isinstance<Dim>(b) || PyIndex_Check(b.ptr())) && a == to_dim(b);
           })
      .def("__hash__", [](const Dim& a) { return std::hash<std::string>()(a.str()); })
      .def("__bool__",
           [](const Dim& a) -> bool { throw TypeError("the dimension " + a.str() + " is not known while tracing"); })
      .def("__repr__", &Dim::str)
      .def("eval", [](const Dim& d, const DimEnv& env) { return d.eval(env); })
      .def_property_readonly("name", &Dim::symbol_name);
}

py::list value_list(const std::vector<Value>& vs) {
  py::list out;
  for (Value v : vs) out.append(v.defined() ? py::cast(v) : py::object(py::none()));
  return out;
}
std::vector<Value> values_of(const py::iterable& list) {
  std::vector<Value> out;
  for (const auto& v : list) out.push_back(v.is_none() ? Value{} : v.cast<Value>());
  return out;
}
}  // namespace

// The gradient that a graph computes. It takes the output gradients, then what the rule closes over: the inputs past
// the function's arguments. Its outputs are the gradients of those arguments that `connected` says have one.
std::shared_ptr<CustomGradient> rule_of(const std::string& name, const std::shared_ptr<Graph>& graph,
                                        const std::vector<bool>& connected) {
  auto c = std::make_shared<CustomGradient>();
  c->name = name;
  c->rule = [graph, connected](Graph& g, const std::vector<Value>& in, const std::vector<Value>&,
                               const std::vector<Value>& dy) {
    if (in.size() < connected.size()) throw ValueError("[custom_gradient] has fewer inputs than its gradient has");
    std::vector<Value> arguments = dy;
    arguments.insert(arguments.end(), in.begin() + long(connected.size()), in.end());
    const std::vector<Value> found = g.inline_graph(*graph, arguments);
    std::vector<Value> d(in.size());
    for (size_t i = 0, at = 0; i < connected.size() && at < found.size(); ++i)
      if (connected[i]) d[i] = found[at++];
    return d;
  };
  return c;
}
void bind_graph(py::module_& m) {
  bind_dim(m);
  py::class_<Value>(m, "Value")
      .def_readonly("node", &Value::node)
      .def_readonly("out", &Value::out)
      .def("__eq__", [](const Value& a, const Value& b) { return a == b; })
      .def("__hash__", [](const Value& v) { return ValueHash()(v); });
  py::class_<Variable, VariablePtr>(m, "Variable")
      .def(py::init([](const std::string& name, const py::array& value, bool trainable, bool bfloat16) {
             Tensor t = bfloat16 ? to_tensor(value, DType::bf16) : to_tensor(value);
             return std::make_shared<Variable>(name, t.copy(), trainable);
           }),
           py::arg("name"), py::arg("value"), py::arg("trainable") = true, py::arg("bfloat16") = false)
      .def_property("name", &Variable::name, &Variable::set_name)
      .def_property("trainable", &Variable::trainable, &Variable::set_trainable)
      .def_property_readonly("shape", [](const Variable& v) { return py::tuple(py::cast(v.value().shape())); })
      .def_property_readonly("dtype", [](const Variable& v) { return dtype_name(v.value().dtype()); })
      .def("numpy", [](const Variable& v) { return to_array(v.value().copy()); })
      .def("assign", [](Variable& v, const py::array& value) { v.assign(to_tensor(value, v.value().dtype())); });
  m.def("place_in_slab", &place_in_slab);
  py::class_<CustomGradient, std::shared_ptr<CustomGradient>>(m, "CustomGradient").def(py::init(&rule_of));
  py::class_<Graph, std::shared_ptr<Graph>>(m, "Graph")
      .def(py::init<>())
      .def("input", [](Graph& g, const std::string& name, const std::string& dtype,
                       const py::iterable& shape) { return g.input(name, dtype_from_name(dtype), to_shape(shape)); })
      .def("constant", [](Graph& g, const py::array& a) { return g.constant(to_tensor(a).copy()); })
      .def("scalar", [](Graph& g, const std::string& dtype, double v) { return g.scalar(dtype_from_name(dtype), v); })
      .def("read", &Graph::read)
      .def("assign", &Graph::assign)
      .def("add",
           [](Graph& g, const std::string& op, const std::vector<Value>& in, const py::dict& attrs) {
             const OpDef& def = find_op(op);
             return g.add(def, in, to_attrs(def, attrs));
           })
      .def(
          "gradients",
          [](Graph& g, const std::vector<Value>& targets, const std::vector<Value>& sources, const py::iterable& seeds,
             const std::optional<std::vector<std::pair<int, int>>>& spans,
             const std::vector<std::pair<Value, int>>& watched) {
            const Recorded tape{spans.value_or(std::vector<std::pair<int, int>>()), watched};
            return value_list(gradients(g, targets, sources, values_of(seeds), spans ? &tape : nullptr));
          },
          py::arg("targets"), py::arg("sources"), py::arg("seeds") = py::list(), py::arg("spans") = py::none(),
          py::arg("watched") = std::vector<std::pair<Value, int>>())
      .def("shape", [](const Graph& g, Value v) { return to_tuple(g.shape(v)); })
      .def("dtype", [](const Graph& g, Value v) { return dtype_name(g.dtype(v)); })
      .def("unify", [](Graph& g, const py::handle& a, const py::handle& b,
                       const std::string& what) { return to_object(g.unify(to_dim(a), to_dim(b), what)); })
      .def("op_of", [](const Graph& g, Value v) { return g.node(v.node).op->name; })
      .def("inputs_of", [](const Graph& g, Value v) { return g.node(v.node).inputs; })
      .def("output",
           [](Graph& g, const std::string& name, Value v) {
             g.outputs.push_back({name, v});
           })
      .def("inline_graph", &Graph::inline_graph)
      .def("replay", &Graph::replay)
      .def_property("scope", &Graph::scope, &Graph::set_scope)
      .def_property_readonly("variables", [](const Graph& g) { return g.variables; })
      .def_property_readonly("assigned",
                             [](const Graph& g) {
                               std::vector<VariablePtr> v;
                               for (const auto& [index, value] : g.updates) v.push_back(g.variables[size_t(index)]);
                               return v;
                             })
      .def_property_readonly("size", &Graph::size)
      .def_property_readonly("ops",
                             [](const Graph& g) {
                               std::vector<std::string> names;
                               for (int i = 0; i < g.size(); ++i) names.push_back(g.node(i).op->name);
                               return names;
                             })
      .def_property_readonly("input_names", [](const Graph& g) { return g.input_names; })
      .def_property_readonly("output_names",
                             [](const Graph& g) {
                               std::vector<std::string> names;
                               for (const auto& [name, v] : g.outputs) names.push_back(name);
                               return names;
                             })
      .def("verify", &Graph::verify)
      .def("graphviz", &Graph::graphviz)
      .def("__str__", &Graph::str);
  m.def("list_ops", &list_ops);
  m.def("op_gives_positions", [](const std::string& op) { return find_op(op).positions; });
  m.def("op_parameters", [](const std::string& op) { return parameters(find_op(op)); });
}
