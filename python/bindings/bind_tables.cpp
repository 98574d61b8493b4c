// Tables of text as columns.
#include <algorithm>

#include "convert.hpp"
#include "gil.hpp"
#include "hornbeam/csv.hpp"
#include "hornbeam/executable.hpp"

using namespace hornbeam;

namespace {
/// The vector's memory as an array.
template <class T>
py::object as_array(std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  const py::capsule owner(kept, [](void* v) { delete static_cast<std::vector<T>*>(v); });
  return py::array_t<T>(py::ssize_t(kept->size()), kept->data(), owner);
}
py::object text(const char* bytes, size_t size) {
  auto s = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(bytes, Py_ssize_t(size), nullptr));
  if (!s) throw py::error_already_set();
  return s;
}
py::object as_list(const CsvColumn& c) {
  py::list out(c.ends.size());
  uint64_t at = 0;
  for (size_t i = 0; i < c.ends.size(); ++i) {
    PyList_SET_ITEM(out.ptr(), Py_ssize_t(i), text(c.bytes.data() + at, size_t(c.ends[i] - at)).release().ptr());
    at = c.ends[i];
  }
  return out;
}
std::string_view view(const py::buffer_info& b) { return {static_cast<const char*>(b.ptr), size_t(b.size)}; }
}  // namespace

void bind_tables(py::module_& m) {
  m.def("read_csv_row", [](const py::buffer& data, char delimiter) {
    const py::buffer_info held = data.request();
    const auto [fields, next] = read_csv_row(view(held), delimiter);
    py::list out;
    for (const std::string& f : fields) out.append(text(f.data(), f.size()));
    return py::make_tuple(out, next);
  });
  // `kinds`: for each column the least kind as a number, or -1 where it is not wanted. Arrays, lists of str, and None.
  m.def("read_csv",
        [](const py::buffer& data, size_t begin, char delimiter, const std::vector<int>& kinds, uint64_t first_row) {
          const py::buffer_info held = data.request();
          std::vector<CsvWanted> wanted;
          for (const int k : kinds) wanted.push_back({k >= 0, FieldKind(std::clamp(k, 0, 2))});
          std::vector<CsvColumn> columns;
          {
            const WithoutGil release;
            columns = read_csv(view(held).substr(begin), delimiter, wanted, thread_count(), first_row);
          }
          py::list out;
          for (size_t i = 0; i < columns.size(); ++i) {
            CsvColumn& c = columns[i];
            if (!wanted[i].wanted)
              out.append(py::none());
            else if (c.kind == FieldKind::integer)
              out.append(as_array(std::move(c.integers)));
            else
              out.append(c.kind == FieldKind::real ? as_array(std::move(c.reals)) : as_list(c));
          }
          return out;
        });
}
