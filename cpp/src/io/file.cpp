#include "io/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/interrupt.hpp"

#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

namespace hornbeam {
namespace {
constexpr int kMostLinks = 40;  // as Linux' own limit
// A temporary file is the target's name, cut so that it stays below any file system's limit, this mark, and 16 digits.
constexpr size_t kMostOfName = 100;
constexpr const char* kMark = ".tmp.hb";
constexpr size_t kDigits = 16;
constexpr size_t kTogether = size_t(64) << 20;  // bytes that are written before it is asked whether to go on

[[noreturn]] void os_error(const std::string& path, int code) {
  throw FileError(path + ": " + std::strerror(code), code);
}
[[noreturn]] void os_error(const std::string& path) { os_error(path, errno); }

void check_path(const std::string& path) {
  HB_CHECK(path.find('\0') == std::string::npos, "a path must not hold NUL. Received: ", path.c_str(), "\\0...");
}

std::string digits16(uint64_t v) {
  std::string s(kDigits, '0');
  for (size_t i = kDigits; i-- > 0; v >>= 4) s[i] = "0123456789abcdef"[v & 15];
  return s;
}
bool is_digits(const std::string& s) { return s.find_first_not_of("0123456789abcdef") == std::string::npos; }

bool lock(const Descriptor& fd) { return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0; }
}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& from) noexcept {
  std::swap(fd_, from.fd_);
  return *this;
}
Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

InputFile::InputFile(const std::string& path) : path_(path) {
  check_path(path);
  fd_ = Descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));  // not waiting for a pipe's writer
  if (!fd_) os_error(path);
  struct stat st;
  if (::fstat(fd_.get(), &st) != 0) os_error(path);
  if (S_ISDIR(st.st_mode)) os_error(path, EISDIR);
  if (!S_ISREG(st.st_mode)) throw FormatError("it is no regular file");
  size_ = uint64_t(st.st_size);
}

void InputFile::read(uint64_t offset, void* to, size_t n) const {
  auto* p = static_cast<char*>(to);
  while (n > 0) {
    const ssize_t k = ::pread(fd_.get(), p, n, off_t(offset));
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) os_error(path_);
    if (k == 0) throw FormatError(concat_text("truncated at byte ", offset, ", expected ", size_));
    p += k;
    offset += uint64_t(k);
    n -= size_t(k);
  }
}

FileReplacement::FileReplacement(const std::string& path) : path_(path) {
  check_path(path);
  if (path.size() >= PATH_MAX) os_error(path, ENAMETOOLONG);  // as open() would: parts of it may be shorter
  const bool exists = find_target(path);
  prefix_ = name_.substr(0, kMostOfName) + kMark;
  remove_abandoned();
  make_temporary(exists);
}

FileReplacement::~FileReplacement() {
  if (fd_ && !committed_) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
}

bool FileReplacement::find_target(const std::string& start) {
  std::string path = start;
  for (int links = 0; links <= kMostLinks; ++links) {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    name_ = path.substr(slash == std::string::npos ? 0 : slash + 1);
    if (name_.empty()) os_error(path_, path.empty() ? ENOENT : EISDIR);
    folder_ =
        Descriptor(::openat(folder_ ? folder_.get() : AT_FDCWD, folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder_) os_error(path_);
    struct stat st;
    if (::fstatat(folder_.get(), name_.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) os_error(path_);
      if (links == 0 || ::stat(path_.c_str(), &st) != 0) return false;
      // What the links lead to is there, but not under the name that they give: a file made just now, or one without
      // a name (/proc/self/fd/3).
      folder_ = Descriptor();
      path = start;
      continue;
    }
    if (S_ISLNK(st.st_mode)) {
      char to[PATH_MAX];
      const ssize_t n = ::readlinkat(folder_.get(), name_.c_str(), to, sizeof to);
      if (n < 0) os_error(path_);
      path.assign(to, size_t(n));
      continue;
    }
    if (!S_ISREG(st.st_mode)) os_error(path_, S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
    if (::faccessat(folder_.get(), name_.c_str(), W_OK, 0) != 0) os_error(path_);
    mode_ = st.st_mode & 0777;
    owner_ = st.st_uid;
    group_ = st.st_gid;
    return true;
  }
  os_error(path_, ELOOP);
}

// Removes temporary files of this target that nobody holds locked. Whatever stands in the way of that is no error.
void FileReplacement::remove_abandoned() const {
  const int fd = ::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> files(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
  if (!files) return;
  while (const dirent* entry = ::readdir(files.get())) {
    const std::string name = entry->d_name;
    if (name.size() != prefix_.size() + kDigits || name.compare(0, prefix_.size(), prefix_) != 0 ||
        !is_digits(name.substr(prefix_.size())))
      continue;
    const Descriptor file(::openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat st;
    if (file && ::fstat(file.get(), &st) == 0 && S_ISREG(st.st_mode) && lock(file))
      ::unlinkat(folder_.get(), name.c_str(), 0);
  }
}

void FileReplacement::make_temporary(bool replaces) {
  uint64_t number =
      uint64_t(std::chrono::system_clock::now().time_since_epoch().count()) ^ (uint64_t(::getpid()) << 40);
  for (int attempt = 0; attempt < 100; ++attempt) {
    temporary_ = prefix_ + digits16(number += 0x9E3779B97F4A7C15u);
    // The umask applies here, and only here: nobody can open the file who may not open the one that it replaces.
    Descriptor fd(::openat(folder_.get(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                           replaces ? mode_ : 0666));
    if (!fd && errno == EEXIST) continue;
    if (!fd) os_error(path_);
    struct stat st;
    // Before it was locked, another writer may have taken it for abandoned, and have removed it or be about to.
    if ((!lock(fd) && errno == EWOULDBLOCK) || ::fstat(fd.get(), &st) != 0 || st.st_nlink == 0) continue;
    if (replaces) {
      if (st.st_uid != owner_ || st.st_gid != group_) (void)!::fchown(fd.get(), owner_, group_);
      (void)!::fchmod(fd.get(), mode_);
    }
    fd_ = std::move(fd);
    return;
  }
  os_error(path_, EEXIST);
}

void FileReplacement::write(const void* data, size_t n) {
  const auto* p = static_cast<const char*>(data);
  while (n > 0) {
    const ssize_t k = ::write(fd_.get(), p, std::min(n, kTogether));
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) os_error(path_);
    p += k;
    n -= size_t(k);
    if (n > 0) throw_if_interrupted();
  }
}

void FileReplacement::commit() {
  while (::fsync(fd_.get()) != 0)
    if (errno != EINTR) os_error(path_);
  if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0) os_error(path_);
  committed_ = true;
  const Descriptor folder(::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) (void)!::fsync(folder.get());
}
}  // namespace hornbeam
