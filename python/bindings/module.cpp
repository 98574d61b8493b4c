// The extension module: exceptions, then each part.
#include "convert.hpp"
#include "hornbeam/error.hpp"

using namespace hornbeam;

PYBIND11_MODULE(_core, m) {
  m.doc() = "Hornbeam's C++ core.";
  // The most derived first: pybind11 asks the translators registered last first.
  static py::exception<ValueError> format_error(m, "FormatError", PyExc_ValueError);
  static py::exception<GradientError> gradient_error(m, "GradientError", PyExc_ValueError);
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const FormatError& e) {
      py::set_error(format_error, e.what());
    } catch (const GradientError& e) {
      py::set_error(gradient_error, e.what());
    } catch (const ValueError& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const TypeError& e) {
      PyErr_SetString(PyExc_TypeError, e.what());
    } catch (const MemoryError& e) {
      PyErr_SetString(PyExc_MemoryError, e.what());
    } catch (const InternalError& e) {
      PyErr_SetString(PyExc_RuntimeError, e.what());
    } catch (const FileError& e) {  // OSError(errno, text) chooses FileNotFoundError and its like
      py::object err =
          py::reinterpret_steal<py::object>(PyObject_CallFunction(PyExc_OSError, "is", e.code(), e.what()));
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(err.ptr())), err.ptr());
    }
  });
  bind_graph(m);
  bind_run(m);
  bind_files(m);
}
