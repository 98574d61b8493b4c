#include "hornbeam/error.hpp"

#include "base/check.hpp"

namespace hornbeam {
namespace {
const MemoryError g_out_of_memory("memory ran out");  // made while there is some: copies share the text
}  // namespace

void out_of_memory() { throw g_out_of_memory; }
}  // namespace hornbeam
