// Hashes of byte strings that files and other programs agree on: FarmHash's Fingerprint64 and SipHash-2-4.
#pragma once

#include <cstdint>
#include <string_view>

#include "hornbeam/text.hpp"

namespace hornbeam {

/// Fingerprint64 of FarmHash (Pike and Alakuijala, Google 2014), whose values are fixed for good.
uint64_t fingerprint64(std::string_view text);
/// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
uint64_t siphash24(std::string_view text, const HashKey& key);

}  // namespace hornbeam
