#include "convert.hpp"

using namespace hornbeam;

namespace {
const std::vector<std::pair<DType, const char*>> kFormats = {
    {DType::f32, "float32"}, {DType::f64, "float64"}, {DType::f16, "float16"}, {DType::i32, "int32"},
    {DType::i64, "int64"},   {DType::u8, "uint8"},    {DType::boolean, "bool"}};

void release_with_gil(PyObject* object) {
  if (!Py_IsInitialized()) return;
  py::gil_scoped_acquire gil;
  Py_DECREF(object);
}
}  // namespace

Tensor to_tensor(const py::array& given) {
  for (const auto& [dtype, name] : kFormats) {
    if (!given.dtype().equal(py::dtype(name))) continue;
    py::array a = py::array::ensure(given, py::array::c_style);
    if (!a) throw py::error_already_set();
    Shape shape(a.shape(), a.shape() + a.ndim());
    void* data = const_cast<void*>(a.data());
    if (reinterpret_cast<uintptr_t>(data) % dtype_size(dtype) != 0) {
      Tensor copy(dtype, shape);
      std::memcpy(copy.raw(), data, copy.bytes());
      return copy;
    }
    PyObject* owner = a.release().ptr();
    return Tensor(dtype, std::move(shape), data, std::shared_ptr<const void>(owner, [](const void* p) {
                    release_with_gil(static_cast<PyObject*>(const_cast<void*>(p)));
                  }));
  }
  throw TypeError("arrays must be float32, float64, float16, int32, int64, uint8 or bool. Received: dtype=" +
                  std::string(py::str(given.dtype())));
}

py::array to_array(const Tensor& t) {
  if (t.dtype() == DType::bf16) {
    Tensor f(DType::f32, t.shape());
    for (int64_t i = 0; i < t.size(); ++i) f.data<float>()[i] = float(t.at(i));
    return to_array(f);
  }
  auto* keep = new Tensor(t);
  py::capsule owner(keep, [](void* p) { delete static_cast<Tensor*>(p); });
  return py::array(py::dtype(dtype_name(t.dtype())), t.shape(), t.raw(), owner);
}

py::object to_object(const Dim& d) {
  if (d.is_const()) return py::int_(d.value());
  return py::cast(d);
}

Dim to_dim(const py::handle& o) {
  if (py::isinstance<Dim>(o)) return o.cast<Dim>();
  if (!PyIndex_Check(o.ptr()))
    throw TypeError("a dimension must be an integer or a Dim. Received: " + std::string(py::repr(o)));
  PyObject* n = PyNumber_Index(o.ptr());
  if (!n) throw py::error_already_set();
  const long long v = PyLong_AsLongLong(n);
  Py_DECREF(n);
  if (v == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    throw ValueError("a dimension must fit 64 bits. Received: " + std::string(py::repr(o)));
  }
  return v;
}

SymShape to_shape(const py::handle& o) {
  SymShape shape;
  for (const auto& d : py::reinterpret_borrow<py::iterable>(o)) shape.push_back(to_dim(d));
  return shape;
}

py::tuple to_tuple(const SymShape& shape) {
  py::tuple t(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) t[i] = to_object(shape[i]);
  return t;
}

Attrs to_attrs(const OpDef& op, const py::dict& values) {
  Attrs attrs;
  for (const auto& [key, value] : values) {
    const std::string name = py::str(key);
    const AttrSpec* spec = nullptr;
    for (const AttrSpec& s : op.attrs)
      if (name == s.name) spec = &s;
    if (!spec) throw TypeError(std::string("[") + op.name + "] has no parameter `" + name + "`");
    switch (spec->type) {
      case AttrType::boolean:
        attrs.set(name, value.cast<bool>());
        break;
      case AttrType::integer:
        attrs.set(name, value.cast<int64_t>());
        break;
      case AttrType::real:
        attrs.set(name, value.cast<double>());
        break;
      case AttrType::text:
        attrs.set(name, value.cast<std::string>());
        break;
      case AttrType::dtype:
        attrs.set(name, dtype_from_name(value.cast<std::string>()));
        break;
      case AttrType::ints:
        attrs.set(name, value.cast<Ints>());
        break;
      case AttrType::dims:
        attrs.set(name, to_shape(value));
        break;
      case AttrType::tensor:
        attrs.set(name, to_tensor(value.cast<py::array>()));
        break;
      case AttrType::graph:
        attrs.set(name, std::shared_ptr<const Graph>(value.cast<std::shared_ptr<Graph>>()));
        break;
      case AttrType::gradient:
        attrs.set(name, std::shared_ptr<const CustomGradient>(value.cast<std::shared_ptr<CustomGradient>>()));
        break;
    }
  }
  return attrs;
}
