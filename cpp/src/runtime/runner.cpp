// Runner: a plan with memory of its own, and where its inputs and outputs are.
#include <algorithm>

#include "base/check.hpp"
#include "runtime/executable_impl.hpp"

namespace hornbeam {
namespace {
std::string text_of(const TensorSpec& s) { return dtype_name(s.dtype) + shape_text(s.shape); }

// One input or output: what it must be and where it is.
struct Place {
  TensorSpec spec;
  size_t bytes;
  Tensor kept;                // its memory, where a Tensor was given
  Tensor staging;             // of a gathered input
  std::vector<int64_t> rows;  // kept likewise
  explicit Place(const TensorSpec& s) : spec(s), bytes(tensor_bytes(s.dtype, s.shape)) {}

  int64_t count() const { return spec.shape.empty() ? 0 : spec.shape[0]; }
  void check(const Tensor& t, const char* what, size_t i) const {
    HB_CHECK(t.defined(), what, " ", i, " is an undefined tensor");
    HB_CHECK_TYPE(t.dtype() == spec.dtype, what, " ", i, " must be ", text_of(spec), "; got ", dtype_name(t.dtype()));
    HB_CHECK(t.shape() == spec.shape, what, " ", i, " must be ", text_of(spec), "; got ", shape_text(t.shape()));
  }
};

void check_index(const char* what, size_t i, size_t n) {
  HB_CHECK(i < n, "there are ", n, " ", what, "s. Received: ", what, " ", i);
}
}  // namespace

struct Runner::State {
  std::shared_ptr<Executable::Impl> impl;
  std::shared_ptr<Plan> plan;
  std::unique_ptr<RunMemory> memory;
  std::vector<Place> in, out;
  std::vector<char*> inputs, outputs;  // where they are; null: nobody has said
  size_t missing = 0;                  // of them
  int begun = 0;                       // runs that are not ended
  std::vector<RowGather> gathers;
  std::vector<size_t> gathered;  // inputs, in the order of `gathers`

  void put(std::vector<char*>& where, size_t i, const void* data, size_t bytes, const char* what) {
    static char nothing;
    HB_CHECK(data || bytes == 0, what, " ", i, " is a null pointer");
    if (!where[i]) --missing;
    where[i] = data ? static_cast<char*>(const_cast<void*>(data)) : &nothing;
  }
  void put_input(size_t i, const void* data) {
    put(inputs, i, data, in[i].bytes, "input");
    const auto it = std::find(gathered.begin(), gathered.end(), i);
    if (it == gathered.end()) return;
    gathers.erase(gathers.begin() + (it - gathered.begin()));
    gathered.erase(it);
  }
  void gather(size_t i, const void* data, const int64_t* rows) {
    Place& p = in[i];
    const int64_t n = p.count();
    const size_t row = n ? p.bytes / size_t(n) : 0;
    HB_CHECK(!p.spec.shape.empty(), "input ", i, " is a scalar: it has no rows");
    HB_CHECK(n == 0 || (rows && (data || row == 0)), "input ", i, ": the data or the rows are a null pointer");
    size_t at = size_t(std::find(gathered.begin(), gathered.end(), i) - gathered.begin());
    if (at == gathered.size()) {
      if (!p.staging.defined()) p.staging = Tensor(DType::u8, {int64_t(p.bytes)});
      put(inputs, i, p.staging.raw(), p.bytes, "input");
      gathers.reserve(at + 1);
      gathered.push_back(i);
      gathers.push_back({});
    }
    gathers[at] = {static_cast<const char*>(data), rows, p.staging.data<char>(), row ? n : 0, row};
  }
};

Runner::Runner(std::shared_ptr<Executable> executable, const std::vector<Shape>& shapes) {
  HB_CHECK(executable, "a Runner's executable is null");
  within_memory([&] {
    executable->impl();
    state_ = std::make_unique<State>();
    State& s = *state_;
    s.impl = executable->impl_;
    s.plan = s.impl->plan(shapes);
    for (size_t i = 0; i < shapes.size(); ++i) s.in.emplace_back(TensorSpec{s.impl->input_type(i).dtype, shapes[i]});
    for (const TensorSpec& spec : s.plan->outputs()) s.out.emplace_back(spec);
    s.inputs.resize(s.in.size());
    s.outputs.resize(s.out.size());
    s.missing = s.in.size() + s.out.size();
    s.memory = s.plan->take();
  });
}
Runner::~Runner() {
  try {
    for (; state_->begun > 0; --state_->begun) state_->plan->finish(*state_->memory);
  } catch (const std::exception&) {  // of a run whose results nobody waits for; others are ended by it
  }
  state_->plan->give_back(std::move(state_->memory));
}

void Runner::set_input(size_t i, const void* data) {
  check_index("input", i, state_->in.size());
  state_->put_input(i, data);
}

void Runner::set_input(size_t i, const void* data, const int64_t* rows) {
  check_index("input", i, state_->in.size());
  within_memory([&] { state_->gather(i, data, rows); });
}

void Runner::set_output(size_t i, void* data) {
  check_index("output", i, state_->out.size());
  state_->put(state_->outputs, i, data, state_->out[i].bytes, "output");
}

void Runner::set_input(size_t i, const Tensor& value) {
  check_index("input", i, state_->in.size());
  state_->in[i].check(value, "input", i);
  state_->put_input(i, value.raw());
  state_->in[i].kept = value;
}

void Runner::set_input(size_t i, const Tensor& table, std::vector<int64_t> rows) {
  check_index("input", i, state_->in.size());
  Place& p = state_->in[i];
  HB_CHECK(!p.spec.shape.empty() && !table.shape().empty(), "input ", i, ": a scalar has no rows");
  TensorSpec whole = p.spec;
  whole.shape[0] = table.shape()[0];
  Place(whole).check(table, "the table of input", i);
  HB_CHECK(int64_t(rows.size()) == p.count(), "input ", i, " has ", p.count(), " rows; got ", rows.size());
  for (int64_t r : rows)
    HB_CHECK(r >= 0 && r < whole.shape[0], "input ", i, ": rows must be in [0, ", whole.shape[0], "). Received: ", r);
  within_memory([&] { state_->gather(i, table.raw(), rows.data()); });
  p.kept = table;
  p.rows = std::move(rows);  // its elements stay where they are
}

void Runner::set_output(size_t i, const Tensor& to) {
  check_index("output", i, state_->out.size());
  state_->out[i].check(to, "output", i);
  state_->put(state_->outputs, i, to.raw(), to.bytes(), "output");
  state_->out[i].kept = to;
}

size_t Runner::outputs() const { return state_->out.size(); }
DType Runner::output_dtype(size_t i) const {
  check_index("output", i, state_->out.size());
  return state_->out[i].spec.dtype;
}
const Shape& Runner::output_shape(size_t i) const {
  check_index("output", i, state_->out.size());
  return state_->out[i].spec.shape;
}

void Runner::start() {
  State& s = *state_;
  HB_CHECK(s.missing == 0, s.missing, " of the ", s.in.size(), " inputs and ", s.out.size(),
           " outputs are not set: call set_input and set_output first");
  HB_CHECK(s.begun < s.plan->depth(), "start: ", s.begun, " runs were begun and not ended; call finish first");
  within_memory([&] { s.plan->start(*s.memory, {s.inputs, s.outputs, s.gathers}); });
  ++s.begun;
}

void Runner::finish() {
  State& s = *state_;
  HB_CHECK(s.begun > 0, "finish: no run was begun");
  const int others = s.begun - 1;
  s.begun = 0;  // if it throws
  within_memory([&] { s.plan->finish(*s.memory); });
  s.begun = others;
}

int Runner::depth() const { return state_->plan->depth(); }

void Runner::run() {
  HB_CHECK(state_->begun == 0, "run: ", state_->begun, " runs were begun and not ended; call finish first");
  start();
  finish();
}
}  // namespace hornbeam
