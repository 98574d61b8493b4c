"""A native program on a GPU: it loads what Python saved, predicts, trains, and saves what Python loads."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import layers

PROGRAM = r"""
#include <cstdio>
#include <hornbeam/hornbeam.hpp>
#include <vector>
using namespace hornbeam;

int main(int count, char** arguments) {
  if (count != 4) return 2;
  try {
    if (list_devices().size() < 2 || !gpu_problem().empty()) return 3;
    Model model = Model::load(arguments[1], arguments[3]);
    std::vector<float> x(40 * 6), y(40 * 2);
    for (size_t i = 0; i < x.size(); ++i) x[i] = float(i % 17) / 8 - 1;
    for (size_t i = 0; i < y.size(); ++i) y[i] = float(i % 5) / 4;
    const Tensor inputs = Tensor::of(DType::f32, {40, 6}, x), targets = Tensor::of(DType::f32, {40, 2}, y);
    const Tensor before = model.predict({inputs})[0];
    FitOptions options;
    options.epochs = 2;
    options.batch_size = 16;
    const auto logs = model.fit({inputs}, {targets}, options);
    model.save(arguments[2]);
    std::printf("%.7f %.7f %.7f\n", before.at(3), logs[0].at("loss"), logs[1].at("loss"));
    // the memory of a run that was begun may be used again, and at most two runs are
    Graph g;
    const Value v = g.input("v", DType::f32, {Dim(3)});
    g.outputs.push_back({"w", g.add1("square", {v})});
    CompileOptions on;
    on.device = arguments[3];
    Runner runner(std::make_shared<Executable>(g, on), {{3}});
    Tensor in = Tensor::of(DType::f32, {3}, std::vector<float>{1, 2, 3});
    Tensor first = Tensor::zeros(DType::f32, {3}), second = Tensor::zeros(DType::f32, {3});
    runner.set_input(0, in);
    runner.set_output(0, first);
    runner.start();
    if (runner.depth() > 1) {
      for (int i = 0; i < 3; ++i) in.data<float>()[i] = 10;
      runner.set_output(0, second);
      runner.start();
      try {
        runner.start();
        return 4;
      } catch (const ValueError&) {
      }
      runner.finish();
    }
    runner.finish();
    if (first.at(0) != 1 || first.at(2) != 9) return 5;
    if (runner.depth() > 1 && second.at(1) != 100) return 6;
    const DeviceScope scope("cpu");
    return default_device() == "cpu:0" ? 0 : 7;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    package = Path(hb.__file__).parent
    include = package / "include"
    if not include.is_dir():  # a source tree
        include = Path(__file__).parents[2] / "cpp" / "include"
    folder = tmp_path_factory.mktemp("native")
    (folder / "main.cpp").write_text(PROGRAM)
    library = package / "lib"
    command = ["g++", "-std=c++17", "-O1", "main.cpp", "-o", "program", f"-I{include}", f"-L{library}", "-lhornbeam"]
    subprocess.run([*command, f"-Wl,-rpath,{library}"], cwd=folder, check=True)
    return folder / "program"


def test_a_native_program_goes_on_where_python_stopped(program, tmp_path):
    model = hb.Sequential([hb.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(2)])
    model.compile(hb.optimizers.Adam(0.01), "mse")
    x = (np.arange(240) % 17 / 8 - 1).astype("float32").reshape(40, 6)
    y = (np.arange(80) % 5 / 4).astype("float32").reshape(40, 2)
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)
    model.save(tmp_path / "before.hornbeam")
    said, after = {}, {}
    for device in ("cpu", "gpu"):
        end = tmp_path / f"{device}.hornbeam"
        run = subprocess.run(
            [program, tmp_path / "before.hornbeam", end, device],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )
        assert run.returncode == 0, (run.returncode, run.stderr)
        said[device] = [float(v) for v in run.stdout.split()]
        after[device] = hb.load_model(end).get_weights()
    np.testing.assert_allclose(said["gpu"], said["cpu"], rtol=1e-5)
    assert said["gpu"][2] < said["gpu"][1]
    for a, b in zip(after["cpu"], after["gpu"], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)
