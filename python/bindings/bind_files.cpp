// Model files.
#include "convert.hpp"
#include "gil.hpp"
#include "hornbeam/model_file.hpp"

using namespace hornbeam;

// Paths are str, or bytes for names that are not UTF-8.
void bind_files(py::module_& m) {
  m.def("write_model", [](const std::string& path, const std::map<std::string, std::string>& metadata,
                          const std::vector<std::pair<std::string, VariablePtr>>& variables,
                          const std::map<std::string, std::shared_ptr<Graph>>& functions) {
    ModelFile f;
    f.metadata = metadata;
    f.variables = variables;
    for (const auto& [name, g] : functions) f.functions[name] = g;
    const WithoutGil release;
    write_model_file(path, f);
  });
  m.def("read_model", [](const std::string& path) {
    ModelFile f;
    {
      const WithoutGil release;
      f = read_model_file(path);
    }
    py::dict functions;
    for (const auto& [name, g] : f.functions) functions[py::str(name)] = std::make_shared<Graph>(*g);
    return py::make_tuple(f.metadata, f.variables, functions);
  });
  m.def("write_file", [](const std::string& path, const py::bytes& bytes) {
    const std::string_view view = bytes;
    const WithoutGil release;
    write_file(path, view);
  });
  m.def("read_file", [](const std::string& path) {
    std::string bytes;
    {
      const WithoutGil release;
      bytes = read_file(path);
    }
    return py::bytes(bytes);
  });
  m.def("copy_values", [](const std::vector<std::pair<VariablePtr, VariablePtr>>& pairs) {  // (to, from)
    py::gil_scoped_release release;
    for (const auto& [to, from] : pairs) to->assign(from->value());
  });
}
