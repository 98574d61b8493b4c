// libFuzzer on what reads model files: the container, its JSON, the graphs in it, which are planned and run, and what
// it says of strings, some of which are encoded.
// make_seeds.py writes the seeds.
// Whatever the bytes say, the only outcome besides success is an Error.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "api/edge.hpp"
#include "io/json.hpp"
#include "run_graph.hpp"

using namespace hornbeam;

namespace {
// A file in memory with a path.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("model", 0)), path_("/proc/self/fd/" + std::to_string(fd_)) {}
  ~MemoryFile() { close(fd_); }
  bool fill(const uint8_t* data, size_t size) {
    return ftruncate(fd_, 0) == 0 && pwrite(fd_, data, size, 0) == ssize_t(size);
  }
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

uint32_t crc32(const std::string& bytes, size_t begin, size_t end) {
  uint32_t c = ~0u;
  for (size_t i = begin; i < end; ++i) {
    c ^= static_cast<unsigned char>(bytes[i]);
    for (int k = 0; k < 8; ++k) c = (c >> 1) ^ (0xEDB88320u & (0u - (c & 1u)));
  }
  return ~c;
}

// Puts both checksums right, so that a mutation is met by what comes after them.
void mend_checksums(std::string& bytes) {
  uint64_t length = 0;
  for (int i = 0; i < 8; ++i) length |= uint64_t(static_cast<unsigned char>(bytes[size_t(i)])) << (8 * i);
  if (length > bytes.size() - 8) return;
  auto put = [&](const char* key, uint32_t sum) {
    const size_t at = bytes.find(key) + std::string(key).size();
    char text[9];
    std::snprintf(text, sizeof text, "%08x", sum);
    if (bytes.find(key) != std::string::npos && at + 8 <= 8 + length) bytes.replace(at, 8, text);
  };
  put("\"data_checksum\":\"", crc32(bytes, 8 + length, bytes.size()));
  put("\"checksum\":\"", 0);
  put("\"checksum\":\"", crc32(bytes, 8, 8 + length));
}

void encode(const Edge& edge) {
  edge.encode({{}}, {});
  edge.encode({{"one", "Two, one", "", "\xff"}}, {});
}

void read(const std::string& bytes) {
  static MemoryFile file;
  if (!file.fill(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size())) return;
  try {
    const ModelFile model = read_model_file(file.path());
    for (const auto& [name, graph] : model.functions) {
      graph->verify();
      fuzz::run_graph(*graph, 2);
    }
    if (model.metadata.count("edge")) encode(Edge(model));
  } catch (const Error&) {
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    Json::parse(bytes.data(), bytes.data() + bytes.size());
  } catch (const Error&) {
  }
  read(bytes);
  if (size < 16) return 0;
  mend_checksums(bytes);
  read(bytes);
  return 0;
}
