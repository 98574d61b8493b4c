// Ending what takes long.
#pragma once

#include "hornbeam/export.hpp"

namespace hornbeam {

/// While a program runs, or something else takes long, the thread that called asks `check` some ten times a second
/// whether to go on; where it says true, the call throws Interrupted and leaves all state as it was. (A step that has
/// begun to write variables ends first, unless it had taken 0.3 s before and their old values had room.) `check` must
/// not throw. Null, as at the start: nobody is asked.
HB_API void set_interrupt_check(bool (*check)());

}  // namespace hornbeam
