// Model files: one file in the safetensors layout holding weights, state and compiled steps. See src/io/format.md.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hornbeam/graph.hpp"

namespace hornbeam {

/// What a file holds. Graphs refer to the variables by identity.
struct ModelFile {
  std::map<std::string, std::string> metadata;                    ///< "config" and whatever else the writer adds
  std::vector<std::pair<std::string, VariablePtr>> variables;     ///< names are unique
  std::map<std::string, std::shared_ptr<const Graph>> functions;  ///< "predict", "train", ...
};

/// Writes to a temporary file beside `path` (where links lead), syncs it and renames it: a failure leaves an old file
/// as it was. An old file's permissions stay. Throws FileError when the system refuses, or `path` is no regular file,
/// and ValueError for what could not be read again: undefined tensors, names that are not UTF-8, functions without
/// outputs.
HB_API void write_model_file(const std::string& path, const ModelFile& file);
/// Reads and checks everything: lengths, offsets, checksums, every node's shapes. Throws FileError, FormatError, or
/// MemoryError when the tensors do not fit.
HB_API ModelFile read_model_file(const std::string& path);

/// Writes a file of any kind as write_model_file does: whole or not at all. Throws FileError, or MemoryError.
HB_API void write_file(const std::string& path, std::string_view bytes);
/// All bytes of a regular file. Throws FileError, FormatError for anything but a regular file, or MemoryError.
HB_API std::string read_file(const std::string& path);

}  // namespace hornbeam
