// The map from name to OpDef: built-in ops, and others from register_op.
#pragma once

#include <vector>

#include "hornbeam/op.hpp"

namespace hornbeam {

/// Says where the built-in ops come from, which a floor above defines: to be a static object. They are asked for once,
/// when the first op is looked for.
struct BuiltInOps {
  explicit BuiltInOps(std::vector<OpDef> (*define)());
};
}  // namespace hornbeam
