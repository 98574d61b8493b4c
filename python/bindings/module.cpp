// The extension module: exceptions, then each part.
#include "convert.hpp"
#include "hornbeam/error.hpp"

using namespace hornbeam;

namespace {
// A message as Python text. It may quote a path, or part of a file, which need not be UTF-8.
py::object message(const std::exception& e) {
  const std::string text = e.what();
  return py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(text.data(), Py_ssize_t(text.size()), "backslashreplace"));
}
}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "Hornbeam's C++ core.";
  // The most derived first: pybind11 asks the translators registered last first.
  static py::exception<ValueError> format_error(m, "FormatError", PyExc_ValueError);
  static py::exception<GradientError> gradient_error(m, "GradientError", PyExc_ValueError);
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const FormatError& e) {
      PyErr_SetObject(format_error.ptr(), message(e).ptr());
    } catch (const GradientError& e) {
      PyErr_SetObject(gradient_error.ptr(), message(e).ptr());
    } catch (const ValueError& e) {
      PyErr_SetObject(PyExc_ValueError, message(e).ptr());
    } catch (const TypeError& e) {
      PyErr_SetObject(PyExc_TypeError, message(e).ptr());
    } catch (const MemoryError& e) {
      PyErr_SetObject(PyExc_MemoryError, message(e).ptr());
    } catch (const InternalError& e) {
      PyErr_SetObject(PyExc_RuntimeError, message(e).ptr());
    } catch (const FileError& e) {  // OSError(errno, text) chooses FileNotFoundError and its like
      py::object err =
          py::reinterpret_steal<py::object>(PyObject_CallFunction(PyExc_OSError, "iO", e.code(), message(e).ptr()));
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(err.ptr())), err.ptr());
    }
  });
  bind_graph(m);
  bind_run(m);
  bind_files(m);
}
