// Files of the operating system: one read at offsets, and one replaced as a whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace hornbeam {

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& from) noexcept : fd_(from.fd_) { from.fd_ = -1; }
  Descriptor& operator=(Descriptor&& from) noexcept;
  ~Descriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// A regular file, open for reading.
class InputFile {
 public:
  /// Throws FileError, or FormatError for what is no regular file.
  explicit InputFile(const std::string& path);
  uint64_t size() const { return size_; }
  /// Throws FileError, or FormatError when the file has become shorter.
  void read(uint64_t offset, void* to, size_t n) const;

 private:
  std::string path_;
  Descriptor fd_;
  uint64_t size_ = 0;
};

/// Gathers a file's new contents in a temporary file beside it. Symbolic links are followed: what they lead to is what
/// is replaced. The new file has the old one's permissions, or what the umask leaves of rw-rw-rw-. The temporary file
/// is locked while it is in use, so that one whose writer was killed can be told from another writer's: it is removed
/// by the next replacement of the same file.
class FileReplacement {
 public:
  /// Throws FileError when the file cannot be written, or is anything but a regular file.
  explicit FileReplacement(const std::string& path);
  /// Removes the temporary file unless it was committed.
  ~FileReplacement();
  /// Appends to the new contents. Throws FileError.
  void write(const void* data, size_t n);
  /// Brings the contents to the disk and puts them in the file's place. Throws FileError.
  void commit();

 private:
  bool find_target(const std::string& start);  // whether the file exists
  void remove_abandoned() const;
  void make_temporary(bool replaces);

  std::string path_;   // as it was given, for messages
  Descriptor folder_;  // where the file is, with links followed
  std::string name_;   // its name there
  unsigned mode_ = 0;  // permissions of the file that is replaced
  unsigned owner_ = 0, group_ = 0;
  std::string prefix_, temporary_;
  Descriptor fd_;
  bool committed_ = false;
};
}  // namespace hornbeam
