// The extension module: exceptions, then each part.
#include <new>

#include "convert.hpp"
#include "gil.hpp"
#include "hornbeam/error.hpp"
#include "strings.hpp"

using namespace hornbeam;

namespace {
// A message, which may quote a path, or part of a file, and so need not be UTF-8. Null: there is no memory for it,
// which is the error that is set.
py::object message(const std::exception& e) {
  const std::string text = e.what();
  return py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(text.data(), Py_ssize_t(text.size()), "backslashreplace"));
}
void set_error(PyObject* type, const std::exception& e) {
  if (const py::object text = message(e)) PyErr_SetObject(type, text.ptr());
}
void set_error(const FileError& e) {  // OSError(errno, text) chooses FileNotFoundError and its like
  const py::object text = message(e);
  if (!text) return;
  const auto made = py::reinterpret_steal<py::object>(PyObject_CallFunction(PyExc_OSError, "iO", e.code(), text.ptr()));
  if (made) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
}
PyObject* format_error = nullptr;  // never released: they outlive the interpreter
PyObject* gradient_error = nullptr;
PyObject* non_finite_error = nullptr;
}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "Hornbeam's C++ core.";
  format_error = py::exception<FormatError>(m, "FormatError", PyExc_ValueError).release().ptr();
  gradient_error = py::exception<GradientError>(m, "GradientError", PyExc_ValueError).release().ptr();
  non_finite_error = py::exception<NonFiniteError>(m, "NonFiniteError", PyExc_ValueError).release().ptr();
  py::register_local_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const FormatError& e) {
      set_error(format_error, e);
    } catch (const GradientError& e) {
      set_error(gradient_error, e);
    } catch (const NonFiniteError& e) {
      set_error(non_finite_error, e);
    } catch (const ValueError& e) {
      set_error(PyExc_ValueError, e);
    } catch (const TypeError& e) {
      set_error(PyExc_TypeError, e);
    } catch (const MemoryError& e) {
      set_error(PyExc_MemoryError, e);
    } catch (const InternalError& e) {
      set_error(PyExc_RuntimeError, e);
    } catch (const DeviceError& e) {
      set_error(PyExc_RuntimeError, e);
    } catch (const FileError& e) {
      set_error(e);
    } catch (const Interrupted&) {  // what the signal's handler raised is set
      if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    } catch (const std::bad_alloc&) {
      PyErr_SetString(PyExc_MemoryError, "there is not enough memory");
    } catch (const std::runtime_error&) {  // pybind11's, where Python had no memory for an object
      if (!PyErr_Occurred() || !PyErr_ExceptionMatches(PyExc_MemoryError)) throw;
    }
  });
  bind_graph(m);
  bind_run(m);
  bind_files(m);
  bind_text(m);
  bind_tables(m);
  bind_images(m);
  watch_signals();
}
