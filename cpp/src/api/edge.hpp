// What a model file says of the model's inputs that are strings.
#pragma once

#include <string>
#include <vector>

#include "hornbeam/model_file.hpp"
#include "hornbeam/text.hpp"

namespace hornbeam {

struct Json;

class Edge {
 public:
  /// Reads the metadata's "edge" and the tables that it names. Throws FormatError.
  explicit Edge(const ModelFile& file);
  /// The programs' first inputs, made of the model's: strings, and the others, each in the model's order. Throws
  /// ValueError when they do not fit.
  std::vector<Tensor> encode(const std::vector<std::vector<std::string>>& texts,
                             const std::vector<Tensor>& others) const;

 private:
  struct Input {
    std::string name;
    int64_t strings = 0;  // of a sample; 0: it holds no strings
    size_t place = 0;     // among those of its kind
    int64_t last = 1;     // its last dimension
  };
  struct Begin {  // what a program begins with
    size_t input = 0;
    std::optional<TextEncoder> encoder;  // of the input; it is taken as it is without one, or is one of those crossed
    int64_t each = 1;                    // strings of a row
    std::vector<size_t> crossed;         // inputs, in turn
    int64_t bins = 0;                    // of the crossing
    bool one_hot = false;
    Shape shape;  // of a sample, -1 where the strings tell
  };
  void read(const ModelFile& file);
  Begin begin_of(const Json& j, const ModelFile& file) const;
  size_t input_of(const Json& j) const;
  Begin crossing_of(const Json& j) const;
  Tensor cross(const Begin& b, const std::vector<std::vector<std::string>>& texts,
               const std::vector<Tensor>& others) const;

  std::vector<Input> inputs_;
  std::vector<Begin> begins_;
  size_t texts_ = 0, others_ = 0;  // inputs of each kind
};

}  // namespace hornbeam
