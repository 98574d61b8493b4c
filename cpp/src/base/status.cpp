#include "hornbeam/status.hpp"

namespace hornbeam {

void Status::raise_index(const Node* n, int64_t r, int64_t i, int64_t l) {
  int expected = ok;
  if (kind.compare_exchange_strong(expected, index_out_of_range)) node = n, row = r, index = i, limit = l;
}
void Status::raise_value(const Node* n, int64_t r, double v) {
  int expected = ok;
  if (kind.compare_exchange_strong(expected, non_finite)) node = n, row = r, value = v;
}
}  // namespace hornbeam
