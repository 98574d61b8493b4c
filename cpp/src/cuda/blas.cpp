#include "cuda/blas.hpp"

#include "base/check.hpp"

namespace hornbeam::cuda {
namespace {
template <class Function>
void find(const std::function<void*(const char*)>& symbol, const char* name, Function** function) {
  *function = reinterpret_cast<Function*>(symbol(name));
  if (!*function) throw Error(concat_text("cuBLASLt was found, but not its function ", name));
}
}  // namespace

Blas::~Blas() {
  if (handle) destroy(handle);
}

void Blas::check(lt::Status status, const char* what) const {
  if (status != lt::Status::success) throw Error(concat_text("cuBLASLt failed to ", what, ": ", status_string(status)));
}

std::unique_ptr<Blas> load_blas(const std::function<void*(const char*)>& symbol) {
  auto blas = std::make_unique<Blas>();
  find(symbol, "cublasLtCreate", &blas->create);
  find(symbol, "cublasLtDestroy", &blas->destroy);
  find(symbol, "cublasLtGetStatusString", &blas->status_string);
  find(symbol, "cublasLtMatrixLayoutCreate", &blas->create_layout);
  find(symbol, "cublasLtMatrixLayoutDestroy", &blas->destroy_layout);
  find(symbol, "cublasLtMatrixLayoutSetAttribute", &blas->set_layout);
  find(symbol, "cublasLtMatmulDescCreate", &blas->create_desc);
  find(symbol, "cublasLtMatmulDescDestroy", &blas->destroy_desc);
  find(symbol, "cublasLtMatmulDescSetAttribute", &blas->set_desc);
  find(symbol, "cublasLtMatmulPreferenceCreate", &blas->create_preference);
  find(symbol, "cublasLtMatmulPreferenceDestroy", &blas->destroy_preference);
  find(symbol, "cublasLtMatmulPreferenceSetAttribute", &blas->set_preference);
  find(symbol, "cublasLtMatmulAlgoGetHeuristic", &blas->find_algorithms);
  find(symbol, "cublasLtMatmul", &blas->multiply);
  blas->check(blas->create(&blas->handle), "start");
  return blas;
}
}  // namespace hornbeam::cuda
