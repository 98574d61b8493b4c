#include "cuda/kernel_cache.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/check.hpp"

namespace hornbeam::cuda {
namespace {
constexpr char kMagic[] = "hornbeam kernel 1\n";

uint64_t fnv1a(const std::string& text) {  // Fowler, Noll and Vo
  uint64_t h = 14695981039346656037ull;
  for (unsigned char c : text) h = (h ^ c) * 1099511628211ull;
  return h;
}

void make_folders(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    mkdir(path.substr(0, at).c_str(), 0777);
}

// What a file holds: each text after its length. The sum comes last: a file that was cut is no file.
std::string packed(const std::string& key, const Compiled& code) {
  std::string all = kMagic;
  for (const std::string* part : {&key, &code.symbol, &code.code}) all += concat_text(part->size(), "\n") + *part;
  return all + hash_text(all);
}

bool unpack(const std::string& all, const std::string& key, Compiled* code) {
  const std::string magic = kMagic;
  if (all.size() < magic.size() + 16 || all.compare(0, magic.size(), magic) != 0) return false;
  const std::string body = all.substr(0, all.size() - 16);
  if (hash_text(body) != all.substr(body.size())) return false;
  std::string parts[3];
  size_t at = magic.size();
  for (std::string& part : parts) {
    const size_t end = body.find('\n', at);
    if (end == std::string::npos) return false;
    const size_t bytes = size_t(std::strtoull(body.c_str() + at, nullptr, 10));
    if (bytes > body.size() - end - 1) return false;
    part = body.substr(end + 1, bytes);
    at = end + 1 + bytes;
  }
  if (parts[0] != key) return false;  // two keys may have one hash
  code->symbol = std::move(parts[1]);
  code->code = std::move(parts[2]);
  return true;
}
}  // namespace

std::string hash_text(const std::string& text) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(fnv1a(text)));
  return digits;
}

KernelCache::KernelCache() {
  if (const char* folder = std::getenv("HB_CACHE_DIR")) {
    if (*folder) folder_ = concat_text(folder, "/");
  } else if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) {
    folder_ = concat_text(cache, "/hornbeam/");
  } else if (const char* home = std::getenv("HOME"); home && *home) {
    folder_ = concat_text(home, "/.cache/hornbeam/");
  }
}

std::string KernelCache::file_of(const std::string& key) const { return folder_ + hash_text(key) + ".kernel"; }

bool KernelCache::find(const std::string& key, Compiled* code) const {
  if (folder_.empty()) return false;
  std::ifstream in(file_of(key), std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return in && unpack(all.str(), key, code);
}

void KernelCache::keep(const std::string& key, const Compiled& code) const noexcept {
  if (folder_.empty()) return;
  try {
    static std::atomic<int> count{0};
    make_folders(folder_);
    const std::string file = file_of(key), half = concat_text(file, ".", getpid(), ".", count++);
    std::ofstream out(half, std::ios::binary);
    out << packed(key, code);
    out.close();
    // under its name at once, whoever else writes it: what they write is the same
    if (!out || std::rename(half.c_str(), file.c_str()) != 0) std::remove(half.c_str());
  } catch (const std::exception&) {  // then it is compiled again next time
  }
}
}  // namespace hornbeam::cuda
