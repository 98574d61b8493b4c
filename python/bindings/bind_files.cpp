#include "convert.hpp"

void bind_files(py::module_&) {}
