// The exceptions Hornbeam throws. Every message says what was required and what came.
#pragma once

#include <stdexcept>
#include <string>

#include "hornbeam/export.hpp"

namespace hornbeam {

/// Base of every exception thrown by the library.
class HB_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A value, shape or parameter is not what the operation requires (ValueError in Python).
class HB_API ValueError : public Error {
 public:
  using Error::Error;
};

/// A dtype or kind of object is not what the operation requires (TypeError in Python).
class HB_API TypeError : public Error {
 public:
  using Error::Error;
};

/// A buffer cannot be had; thrown before anything is allocated (MemoryError in Python).
class HB_API MemoryError : public Error {
 public:
  using Error::Error;
};

/// A value that must be finite is NaN or infinite; the run that met it wrote no state (ValueError in Python).
class HB_API NonFiniteError : public ValueError {
 public:
  using ValueError::ValueError;
};

/// A file is not a valid Hornbeam file (hornbeam.FormatError, a ValueError, in Python).
class HB_API FormatError : public ValueError {
 public:
  using ValueError::ValueError;
};

/// The operating system refused a file (OSError and its subclasses in Python; `code` is errno).
class HB_API FileError : public Error {
 public:
  FileError(const std::string& what, int code) : Error(what), code_(code) {}
  int code() const noexcept { return code_; }

 private:
  int code_;
};

/// The application wanted the call to end (see set_interrupt_check); what it would have written is as it was.
class HB_API Interrupted : public Error {
 public:
  using Error::Error;
};

/// The operation has no gradient, or none of the order asked for.
class HB_API GradientError : public ValueError {
 public:
  using ValueError::ValueError;
};

/// A device other than the CPU cannot be used: it, its driver or a library is missing, too old or failed (RuntimeError
/// in Python). The CPU goes on working.
class HB_API DeviceError : public Error {
 public:
  using Error::Error;
};

/// What Hornbeam relies on does not hold: a bug in it, or in an op registered from outside (RuntimeError in Python).
class HB_API InternalError : public Error {
 public:
  using Error::Error;
};

}  // namespace hornbeam
