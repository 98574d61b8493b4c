#include "cuda/blas.hpp"

#include "base/check.hpp"

namespace hornbeam::cuda {
namespace {
const LibraryName kCublasLt = {"cuBLASLt (NVIDIA's products of matrices)",
                               {"libcublasLt.so.13", "libcublasLt.so.12"},
                               "Install it with: pip install \"hornbeam[cuda]\""};
}  // namespace

Blas::Blas(const Library& library) {
#define HB_CUBLASLT_FUNCTION(result, name, parameters) name = reinterpret_cast<decltype(name)>(library.symbol(#name));
  HB_CUBLASLT(HB_CUBLASLT_FUNCTION)
#undef HB_CUBLASLT_FUNCTION
  check(cublasLtCreate(&handle), "cublasLtCreate");
}

Blas::~Blas() {
  if (handle) cublasLtDestroy(handle);
}

void Blas::check(lt::Status status, const char* call) const {
  if (status != lt::Status::success) throw DeviceError(concat_text(call, ": ", cublasLtGetStatusString(status)));
}

std::unique_ptr<const Blas> open_blas() {
  std::unique_ptr<const Library> library;
  try {
    library = std::make_unique<const Library>(kCublasLt);
  } catch (const DeviceError&) {  // there are kernels of our own
    return nullptr;
  }
  return std::make_unique<const Blas>(*library);
}
}  // namespace hornbeam::cuda
