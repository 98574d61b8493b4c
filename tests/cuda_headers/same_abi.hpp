// Whether a function that we declare is called as the header's is: as many parameters, each passed in the same way.
#pragma once
#include <type_traits>

/// Pointers are alike, and so are integers and enumerations of a size.
template <class Ours, class Theirs>
constexpr bool passed_alike() {
  if constexpr (std::is_pointer_v<Theirs> || std::is_pointer_v<Ours>)
    return std::is_pointer_v<Theirs> && std::is_pointer_v<Ours>;
  else if constexpr (std::is_floating_point_v<Theirs> || std::is_floating_point_v<Ours>)
    return std::is_same_v<Ours, Theirs>;
  else
    return std::is_void_v<Ours> == std::is_void_v<Theirs> && (std::is_void_v<Ours> || sizeof(Ours) == sizeof(Theirs));
}

template <class Ours, class Theirs>
struct SameAbi : std::false_type {};
template <class R, class... P, class S, class... Q>
struct SameAbi<R (*)(P...), S (*)(Q...)> {
  static constexpr bool all() {
    if constexpr (sizeof...(P) == sizeof...(Q))
      return passed_alike<R, S>() && (passed_alike<P, Q>() && ...);
    else
      return false;
  }
  static constexpr bool value = all();
};

/// SAME_ABI(our function pointer, their function);
#define SAME_ABI(ours, theirs) \
  static_assert(SameAbi<decltype(ours), decltype(&theirs)>::value, #ours " is not " #theirs)
/// SAME_VALUE(our enumerator, theirs);
#define SAME_VALUE(ours, theirs) \
  static_assert(static_cast<long long>(ours) == static_cast<long long>(theirs), #ours " is not " #theirs)
