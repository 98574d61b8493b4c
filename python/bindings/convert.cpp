#include "convert.hpp"

#include "gil.hpp"

using namespace hornbeam;

namespace {
// The element type of a NumPy dtype: native ones by kind and size.
bool find_dtype(const py::dtype& numpy, DType* found) {
  constexpr struct {
    char kind;
    int size;
    DType dtype;
  } kTypes[] = {{'f', 4, DType::f32}, {'f', 8, DType::f64}, {'f', 2, DType::f16},    {'i', 4, DType::i32},
                {'i', 8, DType::i64}, {'u', 1, DType::u8},  {'b', 1, DType::boolean}};
  const char order = numpy.byteorder();
  if (order != '=' && order != '|') return false;
  for (const auto& t : kTypes)
    if (numpy.kind() == t.kind && numpy.itemsize() == t.size) return *found = t.dtype, true;
  return false;
}

// NumPy's number of an element type (numpy/ndarraytypes.h), which its dtypes are found by faster than by name.
int numpy_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 11;
    case DType::f64:
      return 12;
    case DType::f16:
      return 23;
    case DType::i32:
      return 5;
    case DType::i64:
      return sizeof(long) == 8 ? 7 : 9;
    case DType::u8:
      return 2;
    case DType::boolean:
      return 0;
    case DType::bf16:
      break;
  }
  throw TypeError("NumPy has no bfloat16");
}

// The object as error messages show it.
std::string received(const py::handle& value) {
  constexpr size_t kLongest = 200;
  const auto text = py::reinterpret_steal<py::object>(PyObject_Repr(value.ptr()));
  const char* chars = text ? PyUnicode_AsUTF8(text.ptr()) : nullptr;
  if (!chars) {
    PyErr_Clear();
    return std::string("an object of type ") + Py_TYPE(value.ptr())->tp_name;
  }
  const std::string all = chars;
  return all.size() <= kLongest ? all : all.substr(0, kLongest) + "...";
}

template <class E>
[[noreturn]] void refuse(const std::string& what, const py::handle& value) {
  throw E(what + ". Received: " + received(value));
}
// The same where a method of the value's own raised. Lack of memory stays what it is, as does Ctrl-C.
template <class E>
[[noreturn]] void refuse_raised(const std::string& what, const py::handle& value) {
  py::error_already_set e;
  if (e.matches(PyExc_MemoryError) || !e.matches(PyExc_Exception)) throw e;
  throw E(what + ". Received: " + received(value) + ": " + std::string(py::str(e.value())));
}

// An int, of a value that `all` may be a list of.
int64_t to_int64(const py::handle& value, const std::string& what, const py::handle& all) {
  if (PyBool_Check(value.ptr()) || !PyIndex_Check(value.ptr())) refuse<TypeError>(what, all);
  const auto n = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!n) refuse_raised<TypeError>(what, all);
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(n.ptr(), &overflow);
  if (overflow) refuse<ValueError>(what, all);
  return v;
}

Dim to_dim(const py::handle& o, const std::string& what, const py::handle& all) {
  return py::isinstance<Dim>(o) ? o.cast<Dim>() : Dim(to_int64(o, what, all));
}

const char* type_text(AttrType type) {
  switch (type) {
    case AttrType::boolean:
      return "a bool";
    case AttrType::integer:
      return "an int that fits 64 bits";
    case AttrType::real:
      return "a number";
    case AttrType::text:
      return "a string";
    case AttrType::dtype:
      return "the name of a dtype";
    case AttrType::ints:
      return "a sequence of ints that fit 64 bits";
    case AttrType::dims:
      return "a sequence of Dims and ints that fit 64 bits";
    case AttrType::tensor:
      return "an array";
    case AttrType::graph:
      return "a Graph";
    case AttrType::gradient:
      return "a CustomGradient";
  }
  return "";
}

// One attribute from a Python value.
class AttrReader {
 public:
  AttrReader(const OpDef& op, const AttrSpec& spec, const py::handle& value)
      : spec_(spec),
        value_(value),
        what_(std::string("[") + op.name + "] parameter `" + spec.name + "` must be " + type_text(spec.type)) {}

  AttrValue read() const {
    switch (spec_.type) {
      case AttrType::boolean:
        return boolean();
      case AttrType::integer:
        return to_int64(value_, what_, value_);
      case AttrType::real:
        return real();
      case AttrType::text:
        return text();
      case AttrType::dtype:
        return dtype();
      case AttrType::ints:
        return items<int64_t>([this](const py::handle& v) { return to_int64(v, what_, value_); });
      case AttrType::dims:
        return items<Dim>([this](const py::handle& v) { return to_dim(v, what_, value_); });
      case AttrType::tensor:
        require(py::isinstance<py::array>(value_));
        return to_tensor(py::reinterpret_borrow<py::array>(value_)).copy();
      case AttrType::graph:
        require(py::isinstance<Graph>(value_));
        return std::shared_ptr<const Graph>(value_.cast<std::shared_ptr<Graph>>());
      case AttrType::gradient:
        require(py::isinstance<CustomGradient>(value_));
        return std::shared_ptr<const CustomGradient>(value_.cast<std::shared_ptr<CustomGradient>>());
    }
    return false;
  }

 private:
  void require(bool right_type) const {
    if (!right_type) refuse<TypeError>(what_, value_);
  }
  bool boolean() const {
    py::detail::make_caster<bool> caster;
    require(caster.load(value_, false));
    return bool(caster);
  }
  double real() const {
    require(!PyBool_Check(value_.ptr()));
    const double v = PyFloat_AsDouble(value_.ptr());
    if (v != -1 || !PyErr_Occurred()) return v;
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) refuse_raised<TypeError>(what_, value_);
    refuse_raised<ValueError>(what_, value_);
  }
  std::string text() const {
    require(PyUnicode_Check(value_.ptr()));
    Py_ssize_t size = 0;
    const char* chars = PyUnicode_AsUTF8AndSize(value_.ptr(), &size);
    if (!chars) refuse_raised<ValueError>(what_, value_);
    return {chars, size_t(size)};
  }
  DType dtype() const {
    const std::string name = text();
    try {
      return dtype_from_name(name);
    } catch (const Error&) {
      refuse<TypeError>(what_, value_);
    }
  }
  template <class T, class F>
  std::vector<T> items(F item) const {
    require(PySequence_Check(value_.ptr()) && !PyUnicode_Check(value_.ptr()) && !PyBytes_Check(value_.ptr()));
    const auto list = py::reinterpret_steal<py::object>(PySequence_Fast(value_.ptr(), ""));
    if (!list) refuse_raised<TypeError>(what_, value_);
    std::vector<T> out;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.ptr()); ++i)
      out.push_back(item(PySequence_Fast_GET_ITEM(list.ptr(), i)));
    return out;
  }

  const AttrSpec& spec_;
  const py::handle value_;
  const std::string what_;
};
}  // namespace

namespace {
DType dtype_of(const py::array& given) {
  DType dtype;
  if (!find_dtype(given.dtype(), &dtype))
    throw TypeError("arrays must be float32, float64, float16, int32, int64, uint8 or bool. Received: dtype=" +
                    std::string(py::str(given.dtype())));
  return dtype;
}
bool is_aligned(const void* data, DType dtype) { return reinterpret_cast<uintptr_t>(data) % dtype_size(dtype) == 0; }
}  // namespace

Tensor to_tensor(const py::array& given) {
  const DType dtype = dtype_of(given);
  // not py::array::ensure, which forgets why it failed
  py::array a = given.flags() & py::array::c_style ? given : py::array(given.attr("copy")("C"));
  Shape shape(a.shape(), a.shape() + a.ndim());
  void* data = const_cast<void*>(a.data());
  if (!is_aligned(data, dtype)) {
    Tensor copy(dtype, shape);
    std::memcpy(copy.raw(), data, copy.bytes());
    return copy;
  }
  PyObject* array = a.release().ptr();
  std::shared_ptr<const void> owner(array, [](const void* p) {
    if (!Py_IsInitialized()) return;
    const WithGil gil;
    Py_DECREF(static_cast<PyObject*>(const_cast<void*>(p)));
  });
  return Tensor(dtype, std::move(shape), data, std::move(owner));
}

Tensor to_tensor(const py::array& given, DType dtype) {
  Tensor t = to_tensor(given);
  if (dtype != DType::bf16 || t.dtype() != DType::f32) return t;
  Tensor narrow(dtype, t.shape());
  for (int64_t i = 0; i < t.size(); ++i) {  // the upper half of a float32, rounded to even; NaN stays NaN
    const float f = t.data<float>()[i];
    uint32_t bits;
    std::memcpy(&bits, &f, 4);
    narrow.data<uint16_t>()[i] = uint16_t(f != f ? (bits >> 16) | 64 : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
  return narrow;
}

Tensor to_view(const py::array& given, DType dtype) {
  const DType own = dtype_of(given);
  void* const data = const_cast<void*>(given.data());
  if (dtype == DType::bf16 || !(given.flags() & py::array::c_style) || !is_aligned(data, own))
    return to_tensor(given, dtype);
  return Tensor(own, Shape(given.shape(), given.shape() + given.ndim()), data, nullptr);
}

py::array to_array(Tensor t) {
  if (t.dtype() == DType::bf16) {
    Tensor f(DType::f32, t.shape());
    for (int64_t i = 0; i < t.size(); ++i) f.data<float>()[i] = float(t.at(i));
    return to_array(f);
  }
  const py::dtype dtype(numpy_type(t.dtype()));
  auto keep = std::make_unique<Tensor>(std::move(t));
  const Tensor& kept = *keep;
  const py::capsule owner(keep.get(), [](void* p) { delete static_cast<Tensor*>(p); });
  keep.release();
  return py::array(dtype, kept.shape(), kept.raw(), owner);
}

py::object to_object(const Dim& d) {
  if (d.is_const()) return py::int_(d.value());
  return py::cast(d);
}

Dim to_dim(const py::handle& o) { return to_dim(o, "a dimension must be a Dim or an int that fits 64 bits", o); }

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
    attrs.set(name, AttrReader(op, *spec, value).read());
  }
  return attrs;
}

std::map<std::string, std::string> parameters(const OpDef& op) {
  std::map<std::string, std::string> types;
  for (const AttrSpec& s : op.attrs) types[s.name] = type_text(s.type);
  return types;
}
