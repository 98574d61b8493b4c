// Predicts with a model that Python trained. Usage: embed_infer MODEL.hornbeam INPUT.f32 SAMPLES
// INPUT holds SAMPLES x 8 x 8 x 1 raw float32 images; the class probabilities are printed in hexadecimal floats, so
// that they can be compared bit for bit.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <hornbeam/hornbeam.hpp>

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: embed_infer MODEL INPUT SAMPLES\n"), 2;
  try {
    hornbeam::Model model = hornbeam::Model::load(argv[1]);
    hornbeam::Tensor x(hornbeam::DType::f32, {std::atol(argv[3]), 8, 8, 1});
    if (!std::ifstream(argv[2], std::ios::binary).read(x.data<char>(), std::streamsize(x.bytes())))
      return std::fprintf(stderr, "INPUT is too short\n"), 1;
    hornbeam::Tensor y = model.predict({x})[0];
    for (int64_t i = 0; i < y.size(); ++i)
      std::printf("%a%c", double(y.data<float>()[i]), (i + 1) % y.shape()[1] ? ' ' : '\n');
  } catch (const hornbeam::Error& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
}
