#include "cuda/compiler.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/check.hpp"
#include "cuda/kernel_cache.hpp"
#include "cuda/library.hpp"

namespace hornbeam::cuda {
namespace {
const LibraryName kNvrtc = {"NVRTC (NVIDIA's compiler at run time)",
                            {"libnvrtc.so.13", "libnvrtc.so.12"},
                            "Install it with: pip install \"hornbeam[cuda]\""};
constexpr char kStandard[] = "--std=c++17";
using Status = int;
using Program = struct ProgramTag*;

// name, parameters
#define HB_NVRTC(F)                                                                                        \
  F(nvrtcVersion, (int*, int*))                                                                            \
  F(nvrtcGetNumSupportedArchs, (int*))                                                                     \
  F(nvrtcGetSupportedArchs, (int*))                                                                        \
  F(nvrtcCreateProgram, (Program*, const char*, const char*, int, const char* const*, const char* const*)) \
  F(nvrtcDestroyProgram, (Program*))                                                                       \
  F(nvrtcAddNameExpression, (Program, const char*))                                                        \
  F(nvrtcCompileProgram, (Program, int, const char* const*))                                               \
  F(nvrtcGetCUBINSize, (Program, size_t*))                                                                 \
  F(nvrtcGetCUBIN, (Program, char*))                                                                       \
  F(nvrtcGetPTXSize, (Program, size_t*))                                                                   \
  F(nvrtcGetPTX, (Program, char*))                                                                         \
  F(nvrtcGetLoweredName, (Program, const char*, const char**))                                             \
  F(nvrtcGetProgramLogSize, (Program, size_t*))                                                            \
  F(nvrtcGetProgramLog, (Program, char*))

struct Nvrtc {
#define HB_NVRTC_FUNCTION(name, parameters) Status(*name) parameters = nullptr;
  HB_NVRTC(HB_NVRTC_FUNCTION)
#undef HB_NVRTC_FUNCTION
  std::string version;
  int major_version = 0;
  std::vector<int> architectures;

  Nvrtc() {
    const Library library(kNvrtc);
#define HB_NVRTC_FUNCTION(name, parameters) name = reinterpret_cast<Status(*) parameters>(library.symbol(#name));
    HB_NVRTC(HB_NVRTC_FUNCTION)
#undef HB_NVRTC_FUNCTION
    int major = 0, minor = 0, count = 0;
    check(nvrtcVersion(&major, &minor), "nvrtcVersion");
    version = concat_text(major, ".", minor);
    major_version = major;
    check(nvrtcGetNumSupportedArchs(&count), "nvrtcGetNumSupportedArchs");
    architectures.resize(size_t(count));
    check(nvrtcGetSupportedArchs(architectures.data()), "nvrtcGetSupportedArchs");
  }
  static void check(Status status, const char* what) {
    if (status != 0) throw DeviceError(concat_text(what, ": NVRTC's status is ", status));
  }
  static const Nvrtc& get() {
    static const Nvrtc nvrtc;
    return nvrtc;
  }
};

// A program of the compiler's, while it is needed.
class Unit {
 public:
  Unit(const Nvrtc& nvrtc, const std::string& source, const Include* includes) : nvrtc_(nvrtc) {
    std::vector<const char*> names, texts;
    for (const Include* i = includes; i->name; ++i) names.push_back(i->name), texts.push_back(i->text);
    Nvrtc::check(nvrtc_.nvrtcCreateProgram(&program_, source.c_str(), "kernel.cu", int(names.size()), texts.data(),
                                           names.data()),
                 "nvrtcCreateProgram");
  }
  ~Unit() { nvrtc_.nvrtcDestroyProgram(&program_); }
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;

  Compiled compile(const std::string& kernel, const std::vector<const char*>& options, bool ptx) {
    Nvrtc::check(nvrtc_.nvrtcAddNameExpression(program_, kernel.c_str()), "nvrtcAddNameExpression");
    if (nvrtc_.nvrtcCompileProgram(program_, int(options.size()), options.data()) != 0)
      throw InternalError(concat_text("the kernel ", kernel, " does not compile:\n", log()));
    Compiled out;
    const char* symbol = nullptr;
    Nvrtc::check(nvrtc_.nvrtcGetLoweredName(program_, kernel.c_str(), &symbol), "nvrtcGetLoweredName");
    out.symbol = symbol;
    size_t bytes = 0;
    Nvrtc::check((ptx ? nvrtc_.nvrtcGetPTXSize : nvrtc_.nvrtcGetCUBINSize)(program_, &bytes), "nvrtcGetCUBINSize");
    out.code.resize(bytes);
    Nvrtc::check((ptx ? nvrtc_.nvrtcGetPTX : nvrtc_.nvrtcGetCUBIN)(program_, &out.code[0]), "nvrtcGetCUBIN");
    return out;
  }

 private:
  std::string log() const {
    size_t bytes = 0;
    nvrtc_.nvrtcGetProgramLogSize(program_, &bytes);
    std::string text(bytes, '\0');
    nvrtc_.nvrtcGetProgramLog(program_, &text[0]);
    return text.c_str();
  }
  const Nvrtc& nvrtc_;
  Program program_ = nullptr;
};
}  // namespace

namespace {
int best_for(const Nvrtc& nvrtc, int arch) {  // the newest architecture that both know
  int best = 0;
  for (int known : nvrtc.architectures)
    if (known <= arch) best = std::max(best, known);
  if (best == 0)
    throw DeviceError(concat_text("NVRTC ", nvrtc.version, " compiles for no device as old as compute capability ",
                                  arch / 10, ".", arch % 10));
  return best;
}
}  // namespace

void Compiler::check(int arch, int driver_version) {
  const Nvrtc& nvrtc = Nvrtc::get();
  best_for(nvrtc, arch);
  if (nvrtc.major_version > driver_version / 1000)
    throw DeviceError(concat_text("NVRTC ", nvrtc.version, " is newer than the driver, which is for CUDA ",
                                  driver_version / 1000, ".", driver_version % 1000 / 10,
                                  ". Update the driver, or install NVRTC for its version"));
}

Compiler::Compiler(int arch, const Include* includes) : includes_(includes) {
  const Nvrtc& nvrtc = Nvrtc::get();
  const int best = best_for(nvrtc, arch);
  ptx_ = best != arch;
  target_ = concat_text("--gpu-architecture=", ptx_ ? "compute_" : "sm_", best);
  common_ = concat_text("NVRTC ", nvrtc.version, " ", target_, " ", kStandard, "\n");
  for (const Include* i = includes; i->name; ++i) common_ += concat_text(i->name, " ", hash_text(i->text), "\n");
}

Compiled Compiler::compile(const std::string& source, const std::string& kernel) const {
  const std::string key = concat_text(common_, kernel, "\n", source);
  const KernelCache cache;
  Compiled code;
  if (cache.find(key, &code)) return code;
  code = Unit(Nvrtc::get(), source, includes_).compile(kernel, {target_.c_str(), kStandard}, ptx_);
  cache.keep(key, code);
  return code;
}
}  // namespace hornbeam::cuda
