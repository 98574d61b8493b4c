// Goes on training a model that Python trained. Usage: embed_train MODEL.hornbeam INPUT.f32 LABELS.i32 SAMPLES
// OUTPUT.hornbeam
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <hornbeam/hornbeam.hpp>

// Whether the file held as many bytes as the tensor takes.
static bool fill(const hornbeam::Tensor& t, const char* path) {
  return bool(std::ifstream(path, std::ios::binary).read(t.data<char>(), std::streamsize(t.bytes())));
}

int main(int argc, char** argv) {
  if (argc != 6) return std::fprintf(stderr, "usage: embed_train MODEL INPUT LABELS SAMPLES OUTPUT\n"), 2;
  hornbeam::set_log_sink([](hornbeam::LogLevel, const std::string& text) { std::printf("%s\n", text.c_str()); });
  try {
    hornbeam::Model model = hornbeam::Model::load(argv[1]);
    const int64_t n = std::atol(argv[4]);
    hornbeam::Tensor x(hornbeam::DType::f32, {n, 8, 8, 1}), y(hornbeam::DType::i32, {n});
    if (!fill(x, argv[2]) || !fill(y, argv[3])) return std::fprintf(stderr, "INPUT or LABELS are too short\n"), 1;
    hornbeam::FitOptions options;
    options.epochs = 2;
    options.batch_size = 64;
    model.set_learning_rate(5e-4);
    model.fit({x}, {y}, options);  // a loss that is not finite throws, and leaves the weights as they were before it
    model.save(argv[5]);
  } catch (const hornbeam::Error& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
}
