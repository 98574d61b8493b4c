#include "cuda/dnn.hpp"

#include "base/check.hpp"

namespace hornbeam::cuda {
namespace {
constexpr int kMostAlgorithms = 16;

template <class Function>
void find(const std::function<void*(const char*)>& symbol, const char* name, Function** function) {
  *function = reinterpret_cast<Function*>(symbol(name));
  if (!*function) throw Error(concat_text("cuDNN was found, but not its function ", name));
}
}  // namespace

std::unique_ptr<Dnn> load_dnn(const std::function<void*(const char*)>& symbol) {
  auto d = std::make_unique<Dnn>();
  find(symbol, "cudnnCreate", &d->create);
  find(symbol, "cudnnDestroy", &d->destroy);
  find(symbol, "cudnnSetStream", &d->set_stream);
  find(symbol, "cudnnGetErrorString", &d->error_string);
  find(symbol, "cudnnCreateTensorDescriptor", &d->create_tensor);
  find(symbol, "cudnnDestroyTensorDescriptor", &d->destroy_tensor);
  find(symbol, "cudnnSetTensorNdDescriptor", &d->set_tensor);
  find(symbol, "cudnnCreateFilterDescriptor", &d->create_filter);
  find(symbol, "cudnnDestroyFilterDescriptor", &d->destroy_filter);
  find(symbol, "cudnnSetFilterNdDescriptor", &d->set_filter);
  find(symbol, "cudnnCreateConvolutionDescriptor", &d->create_convolution);
  find(symbol, "cudnnDestroyConvolutionDescriptor", &d->destroy_convolution);
  find(symbol, "cudnnSetConvolutionNdDescriptor", &d->set_convolution);
  find(symbol, "cudnnSetConvolutionGroupCount", &d->set_groups);
  find(symbol, "cudnnSetConvolutionMathType", &d->set_math);
  find(symbol, "cudnnGetConvolutionForwardAlgorithm_v7", &d->algorithms[Dnn::forward]);
  find(symbol, "cudnnGetConvolutionBackwardDataAlgorithm_v7", &d->algorithms[Dnn::input_grad]);
  find(symbol, "cudnnGetConvolutionBackwardFilterAlgorithm_v7", &d->algorithms[Dnn::kernel_grad]);
  find(symbol, "cudnnGetConvolutionForwardWorkspaceSize", &d->workspace[Dnn::forward]);
  find(symbol, "cudnnGetConvolutionBackwardDataWorkspaceSize", &d->workspace[Dnn::input_grad]);
  find(symbol, "cudnnGetConvolutionBackwardFilterWorkspaceSize", &d->workspace[Dnn::kernel_grad]);
  find(symbol, "cudnnConvolutionForward", &d->run[Dnn::forward]);
  find(symbol, "cudnnConvolutionBackwardData", &d->run[Dnn::input_grad]);
  find(symbol, "cudnnConvolutionBackwardFilter", &d->run[Dnn::kernel_grad]);
  return d;
}

Dnn::~Dnn() {
  if (handle_) destroy(handle_);
}

void* Dnn::handle() const {
  if (!handle_ && !failed_ && create(&handle_) != kSuccess) failed_ = true, handle_ = nullptr;
  return handle_;
}

void Dnn::check(int status, const char* what) const {
  if (status != Dnn::kSuccess) throw Error(concat_text("cuDNN failed to ", what, ": ", error_string(status)));
}

bool DnnConvolution::describe(const DnnShape& s) {
  // sizes are given channels first, whatever lies in memory
  auto set_tensor = [&](void* tensor, const int(&size)[2], int channels) {
    const int sizes[] = {s.batch, channels, size[0], size[1]};
    const int strides[] = {size[0] * size[1] * channels, 1, size[1] * channels, channels};
    return dnn_.set_tensor(tensor, s.type, 4, sizes, strides) == Dnn::kSuccess;
  };
  const int sizes[] = {s.filters, s.channels / s.groups, s.window[0], s.window[1]};
  a_ = s.role == Dnn::input_grad ? &kernel_ : &x_;
  b_ = s.role == Dnn::forward ? &kernel_ : &y_;
  out_ = s.role == Dnn::forward ? &y_ : s.role == Dnn::input_grad ? &x_ : &kernel_;
  return dnn_.create_tensor(&x_) == Dnn::kSuccess && dnn_.create_tensor(&y_) == Dnn::kSuccess &&
         dnn_.create_filter(&kernel_) == Dnn::kSuccess && dnn_.create_convolution(&convolution_) == Dnn::kSuccess &&
         set_tensor(x_, s.in, s.channels) && set_tensor(y_, s.out, s.filters) &&
         dnn_.set_filter(kernel_, s.type, Dnn::kChannelsLast, 4, sizes) == Dnn::kSuccess &&
         dnn_.set_convolution(convolution_, 2, s.padding, s.stride, s.dilation, Dnn::kCrossCorrelation, Dnn::f32) ==
             Dnn::kSuccess &&
         dnn_.set_groups(convolution_, s.groups) == Dnn::kSuccess &&
         dnn_.set_math(convolution_, s.math) == Dnn::kSuccess;
}

DnnConvolution::~DnnConvolution() {
  if (x_) dnn_.destroy_tensor(x_);
  if (y_) dnn_.destroy_tensor(y_);
  if (kernel_) dnn_.destroy_filter(kernel_);
  if (convolution_) dnn_.destroy_convolution(convolution_);
}

// The proposals come with the fastest first. Their kind of arithmetic may be another than the descriptor asks for, so
// that each is asked for its workspace, which fails when it cannot.
bool DnnConvolution::choose(size_t most_workspace) {
  const auto held = dnn_.lock();
  DnnAlgorithm found[kMostAlgorithms];
  int count = 0;
  if (!dnn_.handle() || dnn_.algorithms[role_](dnn_.handle(), *a_, *b_, convolution_, *out_, kMostAlgorithms, &count,
                                               found) != Dnn::kSuccess)
    return false;
  for (int i = 0; i < count; ++i) {
    const DnnAlgorithm& f = found[i];
    if (f.status != Dnn::kSuccess || f.determinism != Dnn::kDeterministic) continue;
    size_t bytes = 0;
    if (dnn_.workspace[role_](dnn_.handle(), *a_, *b_, convolution_, *out_, f.algorithm, &bytes) != Dnn::kSuccess)
      continue;
    if (bytes > most_workspace) continue;
    algorithm_ = f.algorithm, workspace_ = bytes;
    return true;
  }
  return false;
}

std::shared_ptr<const DnnConvolution> DnnConvolution::find(const Dnn& dnn, const DnnShape& shape,
                                                           size_t most_workspace) {
  const std::shared_ptr<DnnConvolution> c(new DnnConvolution(dnn, shape.role));
  return c->describe(shape) && c->choose(most_workspace) ? c : nullptr;
}

void DnnConvolution::run(void* stream, const void* a, const void* b, void* out, void* work) const {
  const float one = 1, zero = 0;
  const auto held = dnn_.lock();
  dnn_.check(dnn_.set_stream(dnn_.handle(), stream), "take a stream");
  dnn_.check(dnn_.run[role_](dnn_.handle(), &one, *a_, a, *b_, b, convolution_, algorithm_, work, workspace_, &zero,
                             *out_, out),
             "convolve");
}
}  // namespace hornbeam::cuda
