#include "runtime/program.hpp"

namespace hornbeam {

Scratch::Scratch(const Program& p) : bases(size_t(p.base_count()), nullptr), pointers(p.args.size(), nullptr) {
  for (size_t i = 0; i < p.constants.size(); ++i)
    bases[size_t(p.constant_base(int(i)))] = static_cast<char*>(p.constants[i].raw());
  for (const Control& c : p.controls) {
    subs.emplace_back();
    for (const auto& sub : c.subs) subs.back().emplace_back(*sub);
  }
}

void Scratch::resolve(const Program& p) {
  for (size_t i = 0; i < p.args.size(); ++i) {
    char* base = bases[size_t(p.args[i].base)];
    pointers[i] = base ? base + p.args[i].offset : nullptr;
  }
}
}  // namespace hornbeam
