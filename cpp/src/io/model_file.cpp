// The container: 8-byte header length, JSON header, raw data, as safetensors; both parts carry a checksum.
#include "hornbeam/model_file.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "io/file.hpp"
#include "io/graph_codec.hpp"

namespace hornbeam {
namespace {
constexpr uint64_t kLongestHeader = uint64_t(256) << 20;
constexpr size_t kAlign = 64;     // of each tensor, so that it can be mapped
constexpr size_t kMostAxes = 12;  // of a tensor
constexpr int kFormat = 1;
const std::string kChecksumKey = "\"checksum\":\"";  // of the header, computed with these eight digits as zeros
const std::string kUser = "user.";                   // before the metadata's keys

[[noreturn]] void bad(const std::string& what) { throw FormatError(what); }

uint32_t crc32(const void* data, size_t n, uint32_t crc = 0) {  // slicing by four
  static constexpr auto tables = [] {
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
  bad("unknown dtype \"" + name + "\"");
}

// Where the header's own checksum stands: the key's first place, for no text in JSON holds a bare quotation mark.
size_t checksum_place(const std::string& header) {
  const size_t at = header.find(kChecksumKey);
  if (at == std::string::npos || at + kChecksumKey.size() + 8 > header.size()) bad("the header has no checksum");
  return at + kChecksumKey.size();
}

// ---- writing ----

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// A name that no tensor has yet; it is then taken.
std::string fresh_name(const std::string& wanted, std::set<std::string>& taken) {
  std::string name = wanted;
  while (!taken.insert(name).second) name += '_';
  return name;
}

// The tensors in the file's order, with what fills the gaps between them: safetensors allows no holes.
NamedTensors padded(const NamedTensors& tensors, std::set<std::string>& taken) {
  static char zeros[kAlign] = {};
  NamedTensors all;
  uint64_t offset = 0;
  for (const auto& [name, t] : tensors) {
    if (const auto gap = int64_t((kAlign - offset % kAlign) % kAlign)) {
      all.push_back({fresh_name("padding/" + std::to_string(offset), taken), Tensor(DType::u8, {gap}, zeros, nullptr)});
      offset += uint64_t(gap);
    }
    all.push_back({name, t});
    offset += t.bytes();
  }
  return all;
}

// The header's entries of the tensors, and their bytes' checksum.
uint32_t describe(const NamedTensors& tensors, Json& header) {
  uint64_t offset = 0;
  uint32_t crc = 0;
  for (const auto& [name, t] : tensors) {
    Json e = Json::map(), shape = Json::list();
    for (int64_t d : t.shape()) shape.items.push_back(Json::of((long long)d));
    HB_CHECK(t.shape().size() <= kMostAxes, "a tensor in a file may have ", kMostAxes, " axes; \"", name, "\" has ",
             t.shape().size());
    e.fields["dtype"] = Json::of(safetensors_name(t.dtype()));
    e.fields["shape"] = std::move(shape);
    e.fields["data_offsets"] = Json::list({Json::of((long long)offset), Json::of((long long)(offset + t.bytes()))});
    header.fields[name] = std::move(e);
    crc = crc32(t.raw(), t.bytes(), crc);
    offset += t.bytes();
  }
  return crc;
}

// The header as it stands in the file: padded, so that the data begins aligned, and with its own checksum.
std::string sealed(const Json& header) {
  std::string head = header.written();
  while ((head.size() + 8) % kAlign) head += ' ';
  HB_CHECK(head.size() <= kLongestHeader, "a file's header may have ", kLongestHeader,
           " bytes. Received: ", head.size());
  const std::string sum = hex8(crc32(head.data(), head.size()));
  return head.replace(checksum_place(head), 8, sum);
}

void write(const std::string& path, const ModelFile& file) {
  NamedTensors tensors;
  std::map<const Variable*, int> index;
  std::set<std::string> taken = {"__metadata__"};
  Json functions = Json::map(), names = Json::list(), flags = Json::list();
  for (const auto& [name, v] : file.variables) {
    HB_CHECK(v && v->value().defined(), "variable \"", name, "\" is undefined");
    HB_CHECK(taken.insert(name).second, "two variables are named \"", name, "\", or a variable has a reserved name");
    index.emplace(v.get(), int(tensors.size()));
    tensors.push_back({name, v->value()});
    names.items.push_back(Json::of(name));
    flags.items.push_back(Json::of(v->trainable()));
  }
  int constants = 0;
  const StoreTensor store = [&](const Tensor& t) {
    HB_CHECK(t.defined(), "a constant is undefined");
    tensors.push_back({fresh_name("constant/" + std::to_string(constants++), taken), t});
    return tensors.back().first;
  };
  const VariableIndex find = [&](const Variable* v) {
    const auto it = index.find(v);
    HB_CHECK(it != index.end(), "a graph uses variable \"", v->name(), "\", which is not among those to be saved");
    return it->second;
  };
  for (const auto& [name, g] : file.functions) {
    HB_CHECK(g, "function \"", name, "\" is null");
    functions.fields[name] = encode_function(*g, find, store);
  }
  tensors = padded(tensors, taken);

  Json header = Json::map(), meta = Json::map();
  for (const auto& [key, value] : file.metadata) meta.fields[kUser + key] = Json::of(value);
  meta.fields["format"] = Json::of("hornbeam");
  meta.fields["format_version"] = Json::of(std::to_string(kFormat));
  meta.fields["hornbeam_version"] = Json::of(HB_VERSION);
  meta.fields["functions"] = Json::of(functions.written());
  meta.fields["variables"] = Json::of(names.written());
  meta.fields["trainable"] = Json::of(flags.written());
  meta.fields["data_checksum"] = Json::of(hex8(describe(tensors, header)));
  meta.fields["checksum"] = Json::of("00000000");
  header.fields["__metadata__"] = std::move(meta);
  const std::string head = sealed(header);

  FileReplacement out(path);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(uint64_t(head.size()) >> (8 * i));
  out.write(length, sizeof length);
  out.write(head.data(), head.size());
  for (const auto& [name, t] : tensors) out.write(t.raw(), t.bytes());
  out.commit();
}

// ---- reading ----

struct Entry {
  const std::string* name;
  DType dtype;
  Shape shape;
  uint64_t begin, end;  // of its bytes, counted from the end of the header
};

std::string read_header(const InputFile& file) {
  char start[9];  // the length, and the first byte of the JSON
  if (file.size() < sizeof start)
    bad(concat_text("truncated at byte ", file.size(), ", expected at least ", sizeof start));
  file.read(0, start, sizeof start);
  uint64_t length = 0;
  for (int i = 0; i < 8; ++i) length |= uint64_t(static_cast<unsigned char>(start[i])) << (8 * i);
  if (length > kLongestHeader || length < 2 || start[8] != '{') bad("this is no Hornbeam file (bad header length)");
  if (length > file.size() - 8) bad(concat_text("truncated at byte ", file.size(), ", expected at least ", length + 8));
  std::string head(size_t(length), ' ');
  file.read(8, head.data(), head.size());
  const size_t place = checksum_place(head);
  const std::string sum = head.substr(place, 8);
  head.replace(place, 8, "00000000");
  if (hex8(crc32(head.data(), head.size())) != sum) bad("the header's checksum does not match: the file is damaged");
  return head;
}

void check_format(const Json& meta) {
  if (meta.at("format").str("the format") != "hornbeam") bad("this is no Hornbeam file");
  const std::string& text = meta.at("format_version").str("the format's version");
  const long long version = Json::parse(text.data(), text.data() + text.size()).integer("the format's version");
  if (version < 1) bad(concat_text("the format's version is 1 or more. Received: ", version));
  const Json* writer = meta.find("hornbeam_version");
  if (version > kFormat)
    bad(concat_text("format version ", version, " needs a newer Hornbeam",
                    writer ? ": " + writer->str("the writer's version") + " wrote it" : "", "; this one, ", HB_VERSION,
                    ", reads versions up to ", kFormat));
}

Entry entry_of(const std::string& name, const Json& j, uint64_t size) {
  Entry e{&name, dtype_of(j.at("dtype").str("a dtype")), {}, 0, 0};
  const auto& dims = j.at("shape").arr("a shape");
  if (dims.size() > kMostAxes) bad(concat_text("it has ", dims.size(), " axes, and may have ", kMostAxes));
  for (const Json& d : dims) e.shape.push_back(d.integer("a dimension"));
  const size_t want = tensor_bytes(e.dtype, e.shape);
  const auto& offsets = j.at("data_offsets").pair("data_offsets");
  const long long begin = offsets[0].integer("an offset"), end = offsets[1].integer("an offset");
  if (begin < 0 || end < begin || uint64_t(end) > size)
    bad(concat_text("its bytes are [", begin, ",", end, ") of ", size));
  if (uint64_t(end - begin) != want) bad(concat_text("it has ", end - begin, " bytes, and needs ", want));
  e.begin = uint64_t(begin);
  e.end = uint64_t(end);
  return e;
}

// The tensors' entries in the order of their bytes, which must follow each other without overlap or hole.
std::vector<Entry> entries_of(const Json& header, uint64_t size) {
  std::vector<Entry> entries;
  for (const auto& [name, j] : header.obj("the header")) {
    if (name == "__metadata__") continue;
    try {
      entries.push_back(entry_of(name, j, size));
    } catch (const Error& e) {
      bad("tensor \"" + name + "\": " + e.what());
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;  // those without bytes first
  });
  uint64_t at = 0;
  for (const Entry& e : entries) {
    if (e.begin != at)
      bad(concat_text("tensor \"", *e.name, "\" begins at byte ", e.begin, " of the data; ",
                      e.begin < at ? "it overlaps the one before, which ends at " : "there is a hole before it, from ",
                      at));
    at = e.end;
  }
  if (at != size) bad(concat_text("the file has ", size, " bytes of data, and describes ", at));
  return entries;
}

std::map<std::string, Tensor> read_tensors(const InputFile& file, const std::vector<Entry>& entries, uint64_t start,
                                           const std::string& checksum) {
  constexpr size_t kPiece = size_t(1) << 20;  // read and summed while it is in cache
  std::map<std::string, Tensor> tensors;
  uint32_t crc = 0;
  int pieces = 0;
  for (const Entry& e : entries) {
    Tensor t(e.dtype, e.shape);
    auto* to = static_cast<char*>(t.raw());
    for (size_t at = 0; at < t.bytes(); at += kPiece) {
      const size_t n = std::min(kPiece, t.bytes() - at);
      file.read(start + e.begin + at, to + at, n);
      crc = crc32(to + at, n, crc);
      if (++pieces % 64 == 0) throw_if_interrupted();
    }
    if (e.dtype == DType::boolean && std::any_of(to, to + t.bytes(), [](char c) { return c != 0 && c != 1; }))
      bad("tensor \"" + *e.name + "\": a bool must be 0 or 1");
    tensors.emplace(*e.name, std::move(t));
  }
  if (hex8(crc) != checksum) bad("the data's checksum does not match: the file is damaged");
  return tensors;
}

void read_variables(const Json& names, const Json& flags, const std::map<std::string, Tensor>& tensors,
                    ModelFile& file) {
  std::set<std::string> seen;
  if (names.arr("variables").size() != flags.arr("trainable").size())
    bad(concat_text("there are ", names.items.size(), " variables and ", flags.items.size(), " flags `trainable`"));
  for (size_t i = 0; i < names.items.size(); ++i) {
    const std::string& name = names.items[i].str("a variable's name");
    const auto it = tensors.find(name);
    if (it == tensors.end()) bad("variable \"" + name + "\" has no tensor");
    if (!seen.insert(name).second) bad("variable \"" + name + "\" is listed twice");
    file.variables.push_back(
        {name, std::make_shared<Variable>(name, it->second, flags.items[i].truth("a flag `trainable`"))});
  }
}

ModelFile read(const std::string& path) {
  const InputFile input(path);
  const std::string head = read_header(input);
  const Json header = Json::parse(head.data(), head.data() + head.size());
  const Json& meta = header.at("__metadata__");
  check_format(meta);
  const uint64_t start = 8 + head.size(), size = input.size() - start;
  const std::vector<Entry> entries = entries_of(header, size);
  check_memory(size_t(size), "reading " + path);
  const auto tensors = read_tensors(input, entries, start, meta.at("data_checksum").str("a checksum"));

  ModelFile file;
  for (const auto& [key, value] : meta.obj("metadata"))
    if (key.rfind(kUser, 0) == 0) file.metadata[key.substr(kUser.size())] = value.str("metadata");
  auto inner = [&](const char* key) {
    const std::string& s = meta.at(key).str(key);
    return Json::parse(s.data(), s.data() + s.size());
  };
  read_variables(inner("variables"), inner("trainable"), tensors, file);
  std::vector<VariablePtr> variables;
  for (const auto& [name, v] : file.variables) variables.push_back(v);
  const FindTensor find = [&](const std::string& name) {
    const auto it = tensors.find(name);
    if (it == tensors.end()) bad("there is no tensor \"" + name + "\"");
    return it->second;
  };
  const Json functions = inner("functions");
  for (const auto& [name, g] : functions.obj("functions")) {
    try {
      file.functions[name] = decode_function(g, variables, find);
    } catch (const MemoryError&) {
      throw;
    } catch (const Error& e) {
      bad("function \"" + name + "\": " + e.what());
    }
  }
  return file;
}

[[noreturn]] void refuse(const std::string& path, std::string what) {
  constexpr size_t kMost = 1000;  // a name in a file may be long
  if (what.size() > kMost) what = what.substr(0, kMost) + "...";
  throw FormatError("model file " + path + ": " + what);
}
}  // namespace

void write_model_file(const std::string& path, const ModelFile& file) {
  within_memory([&] { write(path, file); });
}

ModelFile read_model_file(const std::string& path) {
  try {
    return read(path);
  } catch (const FileError&) {
    throw;
  } catch (const MemoryError&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw MemoryError("reading " + path + ": out of memory");
  } catch (const Error& e) {
    refuse(path, e.what());
  }
}

void write_file(const std::string& path, std::string_view bytes) {
  within_memory([&] {
    FileReplacement out(path);
    out.write(bytes.data(), bytes.size());
    out.commit();
  });
}

std::string read_file(const std::string& path) try {
  return within_memory([&] {
    const InputFile file(path);
    check_memory(size_t(file.size()), path);
    std::string bytes(size_t(file.size()), '\0');
    file.read(0, bytes.data(), bytes.size());
    return bytes;
  });
} catch (const FormatError& e) {
  throw FormatError(path + ": " + e.what());
}
}  // namespace hornbeam
