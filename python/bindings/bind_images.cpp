// Pixels of pictures that another library holds, by the Arrow C data interface (a struct of fixed layout in a capsule).
#include <cstring>

#include "convert.hpp"
#include "gil.hpp"
#include "hornbeam/error.hpp"

using namespace hornbeam;

namespace {
/// As https://arrow.apache.org/docs/format/CDataInterface.html lays it out.
struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

void take_first_three(const uint8_t* from, uint8_t* to, int64_t pixels) {
  for (int64_t i = 0; i + 1 < pixels; ++i) std::memcpy(to + 3 * i, from + 4 * i, 4);  // the next one covers the fourth
  if (pixels) std::memcpy(to + 3 * (pixels - 1), from + 4 * (pixels - 1), 3);
}
}  // namespace

void bind_images(py::module_& m) {
  // `capsule`: an array of `rows * columns` pixels, lists of 4 bytes each. Returns the first three of each.
  m.def("rgb_of_arrow", [](const py::capsule& capsule, int64_t rows, int64_t columns) {
    if (!capsule.name() || std::string_view(capsule.name()) != "arrow_array")
      throw TypeError("rgb_of_arrow takes an Arrow array");
    const auto& array = *static_cast<const ArrowArray*>(capsule.get_pointer());
    const bool pixels = array.release && array.n_children == 1 && rows >= 0 && columns >= 0 &&
                        array.length == rows * columns && !array.offset;
    if (!pixels || array.children[0]->n_buffers != 2 || array.children[0]->length != 4 * array.length ||
        array.children[0]->offset)
      throw ValueError("rgb_of_arrow takes an array of rows * columns lists of 4 bytes");
    py::array_t<uint8_t> out({rows, columns, int64_t(3)});
    const auto* from = static_cast<const uint8_t*>(array.children[0]->buffers[1]);
    uint8_t* to = out.mutable_data();
    {
      const WithoutGil release;
      take_first_three(from, to, array.length);
    }
    return out;
  });
}
