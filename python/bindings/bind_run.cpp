// Executables, the batch loop, and what this build and machine can do. The GIL is released while planning and running.
#include "convert.hpp"
#include "gil.hpp"
#include "hornbeam/batch_loop.hpp"
#include "hornbeam/device.hpp"
#include "hornbeam/executable.hpp"

using namespace hornbeam;

namespace {
std::vector<Tensor> tensors(const std::vector<py::array>& arrays) {
  std::vector<Tensor> out;
  for (const auto& a : arrays) out.push_back(to_tensor(a));
  return out;
}
// For a run, which the arrays outlive.
std::vector<Tensor> inputs_of(const Executable& e, const std::vector<py::array>& arrays) {
  const Graph& g = e.graph();
  std::vector<Tensor> out;
  out.reserve(arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i)
    out.push_back(i < g.inputs.size() ? to_view(arrays[i], g.dtype({g.inputs[i], 0})) : to_tensor(arrays[i]));
  return out;
}
struct OpenScope {
  std::unique_ptr<DeviceScope> scope;
};
py::list arrays(std::vector<Tensor> ts) {
  py::list out(ts.size());
  for (size_t i = 0; i < ts.size(); ++i) out[i] = to_array(std::move(ts[i]));
  return out;
}
}  // namespace

void bind_run(py::module_& m) {
  py::class_<Executable, std::shared_ptr<Executable>>(m, "Executable")
      .def(py::init([](const Graph& g, const std::string& isa, int threads, const std::vector<std::string>& disable,
                       const std::string& device) {
             const WithoutGil release;
             return std::make_shared<Executable>(g, CompileOptions{isa, threads, disable, {}, device});
           }),
           py::arg("graph"), py::arg("isa") = "", py::arg("threads") = 0,
           py::arg("disable") = std::vector<std::string>(), py::arg("device") = "")
      .def("run",
           [](Executable& e, const std::vector<py::array>& in) {
             std::vector<Tensor> inputs = inputs_of(e, in), outputs;
             {
               const WithoutGil release;
               e.run(inputs, outputs);
             }
             return arrays(std::move(outputs));
           })
      .def("stats",
           [](Executable& e, const std::vector<Shape>& shapes) {
             ProgramStats s;
             {
               const WithoutGil release;
               s = e.stats(shapes);
             }
             py::dict d;
             d["items"] = s.items;
             d["arena_bytes"] = s.arena_bytes;
             d["live_bytes"] = s.live_bytes;
             d["slice_rows"] = s.slice_rows;
             d["plan_seconds"] = s.plan_seconds;
             d["moved_bytes"] = s.moved_bytes;
             d["least_bytes"] = s.least_bytes;
             d["launches"] = s.launches;
             d["waits"] = s.waits;
             return d;
           })
      .def("profile",
           [](Executable& e, const std::vector<py::array>& in, int repeats) {
             std::vector<Tensor> inputs = inputs_of(e, in);
             std::vector<ProfileRow> rows;
             {
               const WithoutGil release;
               rows = e.profile(inputs, repeats);
             }
             py::list out;
             for (const auto& r : rows)
               out.append(py::make_tuple(r.op, r.layer, r.shape, r.seconds, r.flops, r.bytes, r.parts));
             return out;
           })
      .def_property_readonly("bytes_kept",
                             [](const Executable& e) {
                               const WithoutGil release;
                               return e.bytes_kept();
                             })
      .def_property_readonly("graph", [](const Executable& e) { return std::make_shared<Graph>(e.graph()); });
  py::class_<BatchLoop>(m, "BatchLoop")
      .def(py::init([](std::shared_ptr<Executable> e, const std::vector<py::array>& a, int64_t batch_size) {
        return std::make_unique<BatchLoop>(std::move(e), tensors(a), batch_size);
      }))
      .def_property_readonly("steps", &BatchLoop::steps)
      .def("shuffle",
           [](BatchLoop& l, uint64_t key, uint64_t epoch) {
             const WithoutGil release;
             l.shuffle(key, epoch);
           })
      .def_property_readonly("at", &BatchLoop::at)
      .def(
          "run",
          [](BatchLoop& l, int64_t first, int64_t last, double seconds) {
            const WithoutGil release;
            return l.run(first, last, seconds);
          },
          py::arg("first"), py::arg("last"), py::arg("seconds"))
      .def("collect",
           [](BatchLoop& l, const std::vector<py::array>& a) {
             std::vector<Tensor> t;
             for (const auto& x : a) {
               if (!x.writeable() || !(x.flags() & py::array::c_style))
                 throw ValueError("collect: arrays must be writable and contiguous");
               t.push_back(to_tensor(x));
             }
             l.collect(t);
           })
      .def_property_readonly("outputs", [](const BatchLoop& l) { return arrays(l.outputs()); });
  m.def("measure_peaks", [] {
    const WithoutGil release;
    const MachinePeaks p = measure_peaks();
    return std::make_pair(p.flops, p.bytes_per_second);
  });
  m.def("list_devices", [] {
    std::vector<DeviceInfo> devices;
    {
      const WithoutGil release;
      devices = list_devices();
    }
    py::list out;
    for (const DeviceInfo& d : devices) out.append(py::make_tuple(d.name, d.description, d.bytes));
    return out;
  });
  m.def("gpu_problem", &gpu_problem, py::call_guard<WithoutGil>());
  m.def("gpu_libraries", &gpu_libraries, py::call_guard<WithoutGil>());
  m.def("default_device", &default_device, py::call_guard<WithoutGil>());
  m.def("set_default_device", &set_default_device, py::call_guard<WithoutGil>());
  py::class_<OpenScope>(m, "DeviceScope")
      .def(py::init([](const std::string& device) {
        const WithoutGil release;
        return std::make_unique<OpenScope>(OpenScope{std::make_unique<DeviceScope>(device)});
      }))
      .def("end", [](OpenScope& s) { s.scope.reset(); });
  m.def("device_name", &device_name, py::call_guard<WithoutGil>());
  m.def("enable_tf32", &enable_tf32);
  m.def("tf32_enabled", &tf32_enabled);
  // what a program depends on that no argument says
  m.def("program_key", [] {
    std::string device;
    {
      const WithoutGil release;
      device = default_device();
    }
    return py::make_tuple(device, tf32_enabled());
  });
  m.def("memory_limit", &memory_limit);
  m.def("isa_names", &isa_names);
  m.def("default_isa_name", &default_isa_name);
  m.def("thread_count", &thread_count);
  m.def("thread_kind", &thread_kind);
  m.def("pass_names", &pass_names);
}
