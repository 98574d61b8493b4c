// NumPy arrays to tensors and back, without copying where the memory allows.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "hornbeam/error.hpp"
#include "hornbeam/op.hpp"

namespace py = pybind11;

/// A tensor over the array's memory (copied first when it is not contiguous). TypeError for other dtypes.
hornbeam::Tensor to_tensor(const py::array& array);
/// The same, where the array is contiguous and aligned without holding it: the caller does, for longer.
hornbeam::Tensor to_view(const py::array& array, hornbeam::DType dtype);
/// As to_tensor, as `dtype`, where that is bfloat16 and the array, as NumPy lacks it, float32.
hornbeam::Tensor to_tensor(const py::array& given, hornbeam::DType dtype);
/// An array over the tensor's memory. bfloat16, which NumPy lacks, comes as float32.
py::array to_array(hornbeam::Tensor tensor);
/// A dimension as a Python int, or a Dim.
py::object to_object(const hornbeam::Dim& dim);
hornbeam::Dim to_dim(const py::handle& object);
hornbeam::SymShape to_shape(const py::handle& object);
py::tuple to_tuple(const hornbeam::SymShape& shape);
/// Python keyword values as an op's attributes, by its AttrSpec list.
hornbeam::Attrs to_attrs(const hornbeam::OpDef& op, const py::dict& values);
/// What an op's parameters must be, by name.
std::map<std::string, std::string> parameters(const hornbeam::OpDef& op);

void bind_graph(py::module_& m);
void bind_run(py::module_& m);
void bind_files(py::module_& m);
void bind_tables(py::module_& m);
void bind_images(py::module_& m);
