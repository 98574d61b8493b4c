// What a StringTable holds.
#pragma once

#include "hornbeam/text.hpp"
#include "text/term_index.hpp"

namespace hornbeam {

struct StringTable::Data {
  TermIndex index;
};

}  // namespace hornbeam
