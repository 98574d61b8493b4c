// The container: 8-byte header length, JSON header, raw data, as safetensors; both parts carry a checksum.
#include "hornbeam/model_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>

#include "base/check.hpp"
#include "io/graph_codec.hpp"

namespace hornbeam {
namespace {
constexpr uint64_t kLongestHeader = uint64_t(256) << 20;
constexpr int kFormat = 1;
const std::string kChecksumKey = "\"checksum\":\"";  // of the header, computed with these eight digits as zeros

[[noreturn]] void bad(const std::string& what) { throw FormatError("model file: " + what); }
[[noreturn]] void os_error(const std::string& path) { throw FileError(path + ": " + std::strerror(errno), errno); }

uint32_t crc32(const void* data, size_t n, uint32_t crc = 0) {  // slicing by four
  static const auto tables = [] {
    std::array<std::array<uint32_t, 256>, 4> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = (c >> 1) ^ (0xEDB88320u & (0u - (c & 1u)));
      t[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; ++i)
      for (size_t k = 1; k < 4; ++k) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 255];
    return t;
  }();
  const auto* p = static_cast<const unsigned char*>(data);
  crc = ~crc;
  for (; n >= 4; n -= 4, p += 4) {
    crc ^= uint32_t(p[0]) | uint32_t(p[1]) << 8 | uint32_t(p[2]) << 16 | uint32_t(p[3]) << 24;
    crc = tables[3][crc & 255] ^ tables[2][(crc >> 8) & 255] ^ tables[1][(crc >> 16) & 255] ^ tables[0][crc >> 24];
  }
  for (; n; --n, ++p) crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 255];
  return ~crc;
}
std::string hex8(uint32_t v) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", v);
  return text;
}

const char* safetensors_name(DType d) {
  constexpr const char* names[] = {"F32", "F64", "F16", "BF16", "I32", "I64", "U8", "BOOL"};
  return names[int(d)];
}
DType dtype_of(const std::string& name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (name == safetensors_name(DType(i))) return DType(i);
  bad("unknown dtype " + name.substr(0, 20));
}

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

void write_all(int fd, const void* data, size_t n, const std::string& path) {
  const char* p = static_cast<const char*>(data);
  while (n > 0) {
    const ssize_t k = ::write(fd, p, n);
    if (k < 0) {
      if (errno == EINTR) continue;
      os_error(path);
    }
    p += k;
    n -= size_t(k);
  }
}

// Removes the temporary file unless it was renamed.
struct TemporaryFile {
  std::string path;
  Descriptor d;
  bool kept = false;
  explicit TemporaryFile(const std::string& target) : path(target + ".tmp.XXXXXX") {
    d.fd = ::mkstemp(path.data());
    if (d.fd < 0) os_error(target);
    (void)::fchmod(d.fd, 0644);
  }
  ~TemporaryFile() {
    if (!kept) ::unlink(path.c_str());
  }
};

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::vector<char> read_all(const std::string& path) {
  Descriptor d;
  d.fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (d.fd < 0) os_error(path);
  struct stat st;
  if (::fstat(d.fd, &st) != 0) os_error(path);
  if (S_ISDIR(st.st_mode)) throw FileError(path + ": is a directory", EISDIR);
  if (!S_ISREG(st.st_mode)) bad(path + " is not a regular file");
  check_memory(size_t(st.st_size), "reading " + path);
  std::vector<char> bytes(size_t(st.st_size));
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t k = ::read(d.fd, bytes.data() + at, bytes.size() - at);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) os_error(path);
    if (k == 0) bad(concat_text("truncated at byte ", at, ", expected ", bytes.size()));
    at += size_t(k);
  }
  return bytes;
}

size_t checksum_place(const std::string& header) {
  const size_t at = header.find(kChecksumKey);
  if (at == std::string::npos || at + kChecksumKey.size() + 8 > header.size()) bad("the header has no checksum");
  return at + kChecksumKey.size();
}
}  // namespace

void write_model_file(const std::string& path, const ModelFile& file) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<const Variable*, int> index;
  std::set<std::string> names;
  for (const auto& [name, v] : file.variables) {
    HB_CHECK(names.insert(name).second, "two variables are named \"", name, "\"");
    index.emplace(v.get(), int(index.size()));
    tensors.push_back({name, v->value()});
  }
  int constants = 0;
  auto store = [&](const Tensor& t) {
    std::string name = "constant/" + std::to_string(constants++);
    tensors.push_back({name, t});
    return name;
  };
  auto find = [&](const Variable* v) {
    auto it = index.find(v);
    HB_CHECK(it != index.end(), "a graph uses variable \"", v->name(), "\", which is not among those to be saved");
    return it->second;
  };
  Json functions = Json::map(), order = Json::list(), trainable = Json::list();
  for (const auto& [name, g] : file.functions) functions.fields[name] = encode_graph(*g, find, store);
  for (const auto& [name, v] : file.variables) {
    order.items.push_back(Json::of(name));
    trainable.items.push_back(Json::of(v->trainable()));
  }
  Json header = Json::map(), meta = Json::map();
  uint64_t offset = 0;
  uint32_t crc = 0;
  static const char zeros[64] = {};
  for (const auto& [name, t] : tensors) {
    const uint64_t pad = (64 - offset % 64) % 64;  // each tensor is aligned, so that it can be mapped
    if (pad) {
      Json gap = Json::map();  // safetensors allows no holes: the padding is a tensor of its own
      gap.fields["dtype"] = Json::of(std::string("U8"));
      gap.fields["shape"] = Json::list();
      gap.fields["shape"].items.push_back(Json::of((long long)pad));
      gap.fields["data_offsets"] = Json::list();
      gap.fields["data_offsets"].items = {Json::of((long long)offset), Json::of((long long)(offset + pad))};
      header.fields["padding/" + std::to_string(offset)] = gap;
      crc = crc32(zeros, pad, crc);
      offset += pad;
    }
    Json e = Json::map(), shape = Json::list(), offsets = Json::list();
    for (int64_t d : t.shape()) shape.items.push_back(Json::of((long long)d));
    offsets.items = {Json::of((long long)offset), Json::of((long long)(offset + t.bytes()))};
    e.fields["dtype"] = Json::of(std::string(safetensors_name(t.dtype())));
    e.fields["shape"] = shape;
    e.fields["data_offsets"] = offsets;
    header.fields[name] = e;
    crc = crc32(t.raw(), t.bytes(), crc);
    offset += t.bytes();
  }
  auto text = [](const Json& j) {
    std::string s;
    j.write(s);
    return s;
  };
  for (const auto& [key, value] : file.metadata) meta.fields["user." + key] = Json::of(value);
  meta.fields["format"] = Json::of(std::string("hornbeam"));
  meta.fields["format_version"] = Json::of(std::to_string(kFormat));
  meta.fields["functions"] = Json::of(text(functions));
  meta.fields["variables"] = Json::of(text(order));
  meta.fields["trainable"] = Json::of(text(trainable));
  meta.fields["data_checksum"] = Json::of(hex8(crc));
  meta.fields["checksum"] = Json::of(std::string("00000000"));
  header.fields["__metadata__"] = meta;
  std::string head = text(header);
  while ((head.size() + 8) % 64) head += ' ';
  const std::string sum = hex8(crc32(head.data(), head.size()));
  head.replace(checksum_place(head), 8, sum);

  TemporaryFile tmp(path);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(uint64_t(head.size()) >> (8 * i));
  write_all(tmp.d.fd, length, 8, path);
  write_all(tmp.d.fd, head.data(), head.size(), path);
  offset = 0;
  for (const auto& [name, t] : tensors) {
    const size_t pad = size_t((64 - offset % 64) % 64);
    write_all(tmp.d.fd, zeros, pad, path);
    write_all(tmp.d.fd, t.raw(), t.bytes(), path);
    offset += pad + t.bytes();
  }
  if (::fsync(tmp.d.fd) != 0) os_error(path);
  if (::rename(tmp.path.c_str(), path.c_str()) != 0) os_error(path);
  tmp.kept = true;
  Descriptor dir;
  dir.fd = ::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY);
  if (dir.fd >= 0) (void)::fsync(dir.fd);
}

ModelFile read_model_file(const std::string& path) {
  const std::vector<char> bytes = read_all(path);
  if (bytes.size() < 8) bad(concat_text("truncated at byte ", bytes.size(), ", expected at least 8"));
  uint64_t length = 0;
  for (int i = 0; i < 8; ++i) length |= uint64_t(static_cast<unsigned char>(bytes[size_t(i)])) << (8 * i);
  if (length > kLongestHeader || length < 2 || bytes[8 % bytes.size()] != '{')
    bad("this is no Hornbeam file (bad header length)");
  if (length > bytes.size() - 8)
    bad(concat_text("truncated at byte ", bytes.size(), ", expected at least ", length + 8));
  std::string head(bytes.data() + 8, size_t(length));
  const size_t place = checksum_place(head);
  const std::string sum = head.substr(place, 8);
  head.replace(place, 8, "00000000");
  if (hex8(crc32(head.data(), head.size())) != sum) bad("the header's checksum does not match: the file is damaged");
  const Json header = Json::parse(head.data(), head.data() + head.size());
  const Json& meta = header.at("__metadata__");
  if (meta.at("format").str("the format") != "hornbeam") bad("this is no Hornbeam file");
  if (meta.at("format_version").str("the version") != std::to_string(kFormat))
    bad("format version " + meta.at("format_version").text.substr(0, 10) +
        " needs a newer Hornbeam; this one reads version 1");
  const char* data = bytes.data() + 8 + length;
  const uint64_t size = bytes.size() - 8 - length;

  std::map<std::string, Tensor> tensors;
  std::map<uint64_t, uint64_t> spans;  // begin -> end
  for (const auto& [name, e] : header.obj("the header")) {
    if (name == "__metadata__") continue;
    const DType dtype = dtype_of(e.at("dtype").str("a dtype"));
    Shape shape;
    for (const Json& d : e.at("shape").arr("a shape")) {
      shape.push_back(d.integer("a dimension"));
      if (shape.back() < 0 || shape.size() > 12) bad("tensor \"" + name + "\" has a bad shape");
    }
    const auto& offsets = e.at("data_offsets").arr("data_offsets");
    if (offsets.size() != 2) bad("data_offsets must be [begin, end]");
    const long long begin = offsets[0].integer("an offset"), end = offsets[1].integer("an offset");
    size_t want = 0;
    try {
      want = tensor_bytes(dtype, shape);
    } catch (const ValueError&) {
      bad("tensor \"" + name + "\" overflows");
    }
    if (begin < 0 || end < begin || uint64_t(end) > size || uint64_t(end - begin) != want)
      bad(concat_text("tensor \"", name, "\" has ", end - begin, " bytes at ", begin, " where ", want,
                      " are needed, of ", size, " in the file"));
    if (want > 0 && !spans.emplace(uint64_t(begin), uint64_t(end)).second) bad("two tensors overlap");
    if (name.rfind("padding/", 0) == 0) continue;
    Tensor t(dtype, shape);
    std::memcpy(t.raw(), data + begin, want);
    tensors.emplace(name, t);
  }
  uint64_t at = 0;
  for (const auto& [begin, end] : spans) {
    if (begin != at) bad(begin < at ? "two tensors overlap" : "there is a hole between tensors");
    at = end;
  }
  if (at != size) bad(concat_text("the file has ", size, " bytes of data where ", at, " are described"));
  if (hex8(crc32(data, size)) != meta.at("data_checksum").str("a checksum"))
    bad("the data's checksum does not match: the file is damaged");

  ModelFile file;
  for (const auto& [key, value] : meta.obj("metadata"))
    if (key.rfind("user.", 0) == 0) file.metadata[key.substr(5)] = value.str("metadata");
  auto inner = [&](const char* key) {
    const std::string& s = meta.at(key).str(key);
    return Json::parse(s.data(), s.data() + s.size());
  };
  const Json order = inner("variables"), trainable = inner("trainable"), functions = inner("functions");
  std::vector<VariablePtr> variables;
  if (order.arr("variables").size() != trainable.arr("trainable").size()) bad("variables and flags differ in number");
  for (size_t i = 0; i < order.items.size(); ++i) {
    const std::string& name = order.items[i].str("a variable's name");
    auto it = tensors.find(name);
    if (it == tensors.end()) bad("variable \"" + name + "\" has no tensor");
    variables.push_back(std::make_shared<Variable>(name, it->second, trainable.items[i].flag));
    file.variables.push_back({name, variables.back()});
  }
  for (const auto& [name, g] : functions.obj("functions"))
    file.functions[name] = decode_graph(g, variables, [&](const std::string& tensor) {
      auto it = tensors.find(tensor);
      if (it == tensors.end()) bad("there is no tensor \"" + tensor + "\"");
      return it->second;
    });
  return file;
}
}  // namespace hornbeam
