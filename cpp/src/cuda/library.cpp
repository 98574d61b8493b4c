#include "cuda/library.hpp"

#include <dlfcn.h>
#include <glob.h>

#include <cstdlib>

#include "base/check.hpp"

namespace hornbeam::cuda {
namespace {
std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/') + 1); }

// The folders that a pattern matches, each with its last slash.
std::vector<std::string> matching(const std::string& pattern) {
  std::vector<std::string> folders;
  glob_t found{};
  if (glob(pattern.c_str(), GLOB_MARK | GLOB_ONLYDIR, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; ++i) folders.push_back(found.gl_pathv[i]);
  globfree(&found);
  return folders;
}

// Folders to look in before the system is asked.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  if (const char* path = std::getenv("HB_CUDA_PATH")) {
    const std::string text = path;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find(':', at), text.size());
      if (end > at) all.push_back(text.substr(at, end - at) + "/");
      at = end + 1;
    }
  }
  Dl_info here{};
  if (dladdr(reinterpret_cast<void*>(&folders), &here) && here.dli_fname) {
    const std::string site = folder_of(here.dli_fname) + "../../";  // of site-packages/hornbeam/lib
    for (const std::string& folder : matching(site + "nvidia/*/lib")) all.push_back(folder);
  }
  return all;
}

std::string path_of(void* handle, const char* file) {
  char origin[4096] = "";
  return dlinfo(handle, RTLD_DI_ORIGIN, origin) == 0 ? concat_text(origin, "/", file) : file;
}
}  // namespace

Library::Library(const LibraryName& name) : name_(name) {
  const std::vector<std::string> where = folders();
  std::string why;
  auto open = [&](const std::string& path, const char* file) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) path_ = path_of(handle_, file);
    return handle_ != nullptr;
  };
  for (const std::string& folder : where)
    for (const char* file : name.files)
      if (open(folder + file, file)) return;
  for (const char* file : name.files) {
    if (open(file, file)) return;
    const char* said = dlerror();
    if (said) why += concat_text("; ", said);
  }
  std::string looked;
  for (const std::string& folder : where) looked += concat_text(folder, ", ");
  throw DeviceError(concat_text("a GPU needs ", name.what, ", which was not found: looked for ", name.files[0], " in ",
                                looked, "and where the system looks", why, ". ", name.install,
                                ", or name its folder in HB_CUDA_PATH"));
}

void* Library::find(const char* name) const { return dlsym(handle_, name); }

void* Library::symbol(const char* name) const {
  void* at = find(name);
  if (!at) throw DeviceError(concat_text(name_.what, " is too old: ", path_, " has no ", name, ". ", name_.install));
  return at;
}
}  // namespace hornbeam::cuda
