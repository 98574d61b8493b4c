// Python's strings as the core sees them: views of their bytes.
#pragma once

#include <string_view>
#include <vector>

#include "convert.hpp"

/// The UTF-8 bytes of a list of str and bytes, in the objects' own memory: valid while the list keeps them, with or
/// without the GIL. TypeError for anything else in it, ValueError for a str that UTF-8 cannot hold.
class Strings {
 public:
  explicit Strings(py::list list);
  const std::vector<std::string_view>& views() const { return views_; }

 private:
  py::list list_;
  std::vector<std::string_view> views_;
};

void bind_text(py::module_& m);
