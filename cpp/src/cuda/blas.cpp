#include "cuda/blas.hpp"

#include "base/check.hpp"

namespace hornbeam::cuda {
Blas::~Blas() {
  if (handle) cublasLtDestroy(handle);
}

void Blas::check(lt::Status status, const char* call) const {
  if (status != lt::Status::success) throw DeviceError(concat_text(call, ": ", cublasLtGetStatusString(status)));
}

std::unique_ptr<Blas> load_blas(const std::function<void*(const char*)>& symbol) {
  auto blas = std::make_unique<Blas>();
#define HB_CUBLASLT_FUNCTION(result, name, parameters)                \
  blas->name = reinterpret_cast<decltype(blas->name)>(symbol(#name)); \
  if (!blas->name) throw DeviceError("cuBLASLt is too old: it has no " #name);
  HB_CUBLASLT(HB_CUBLASLT_FUNCTION)
#undef HB_CUBLASLT_FUNCTION
  blas->check(blas->cublasLtCreate(&blas->handle), "cublasLtCreate");
  return blas;
}
}  // namespace hornbeam::cuda
