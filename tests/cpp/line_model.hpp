// A model file made in C++: y = x w [batch, 3] -> [batch, 1], trained by gradient descent on the mean squared error.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include "hornbeam/hornbeam.hpp"

// What it holds; a test may spoil it before it is written.
struct LineModel {
  hornbeam::ModelFile file;
  std::string logs = "[\"loss\",\"steps\"]", metric_state = "[\"total\",\"count\"]", learning_rate = "\"rate\"";

  LineModel() {
    using namespace hornbeam;
    const auto state = [&](const char* name, Tensor value) {
      file.variables.push_back({name, std::make_shared<Variable>(name, std::move(value))});
      return file.variables.back().second;
    };
    const auto w = state("w", Tensor::of<float>(DType::f32, {3, 1}, {0.5f, -1, 0.25f}));
    const auto rate = state("rate", Tensor::scalar(DType::f32, 0.02)),
               steps = state("steps", Tensor::scalar(DType::f32, 0));
    const auto total = state("total", Tensor::scalar(DType::f32, 0)),
               count = state("count", Tensor::scalar(DType::f32, 0));
    const Dim n = Dim::symbol("batch");
    auto predict = std::make_shared<Graph>(), train = std::make_shared<Graph>();
    predict->outputs = {{"y0", Ops(*predict).matmul(predict->input("x", DType::f32, {n, 3}), predict->read(w))}};
    Graph& g = *train;
    Ops o(g);
    const Value x = g.input("x", DType::f32, {n, 3}), y = g.input("y", DType::f32, {n, 1});
    const Value loss = o.mean(o.square(o.sub(o.matmul(x, g.read(w)), y))), size = o.dim_value(n, DType::f32);
    g.assign(total, o.add(g.read(total), o.mul(loss, size)));
    g.assign(count, o.add(g.read(count), size));
    const Value d = gradients(g, {loss}, {g.read(w)})[0];
    g.assign(w, o.sub(g.read(w), o.mul(d, g.read(rate))));
    g.assign(steps, o.add(g.read(steps), 1));
    g.outputs = {{"y0", o.div(g.read(total), g.read(count))}, {"y1", g.read(steps)}};
    file.functions = {{"predict", predict}, {"train", train}};
  }

  std::string write(const std::string& name) {
    const std::string path = testing::TempDir() + name + std::to_string(getpid());
    file.metadata["signature"] =
        "{\"logs\":" + logs + ",\"metric_state\":" + metric_state + ",\"learning_rate\":" + learning_rate + "}";
    hornbeam::write_model_file(path, file);
    return path;
  }
  hornbeam::Model load(hornbeam::CompileOptions options = {}) {
    const std::string path = write("line");
    struct Gone {
      const std::string& path;
      ~Gone() { std::remove(path.c_str()); }
    } gone{path};
    return hornbeam::Model::load(path, std::move(options));
  }
};

// Samples x [n, 3] and y [n, 1] of the line 1, 2, -1.
struct LineData {
  hornbeam::Tensor x, y;
  explicit LineData(int64_t n) : x(hornbeam::DType::f32, {n, 3}), y(hornbeam::DType::f32, {n, 1}) {
    for (int64_t i = 0; i < 3 * n; ++i) x.data<float>()[i] = float((i * 7919) % 13 - 6) / 6;
    for (int64_t i = 0; i < n; ++i) {
      const float* row = x.data<float>() + 3 * i;
      y.data<float>()[i] = row[0] + 2 * row[1] - row[2];
    }
  }
};
