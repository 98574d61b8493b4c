// Memory that ends, or begins, where a page begins that nobody may touch: what reads or writes a byte too much dies at
// once. And an interpreter that runs a graph's kernels node by node with every operand, result and workspace in such
// memory.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>

#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "hornbeam/error.hpp"
#include "hornbeam/executable.hpp"
#include "hornbeam/op.hpp"
#include "kernels/cpu/isa/isa_table.hpp"

namespace hornbeam::guarded {

enum class Side { after, before };  // where the forbidden page lies

/// `bytes` of memory whose every byte is 0xff (NaN, read as floats), beside a page that may not be touched.
/// Its end, or beginning, is a multiple of `align` from that page.
inline std::shared_ptr<char> allocate(size_t bytes, Side side, size_t align = 1) {
  const size_t page = size_t(sysconf(_SC_PAGESIZE)), room = (bytes + align - 1) / align * align;
  const size_t inner = (room + page - 1) / page * page, all = inner + 2 * page;
  char* base = static_cast<char*>(mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (base == MAP_FAILED) throw MemoryError("no memory for a guarded buffer");
  std::memset(base, 0xff, all);
  mprotect(base, page, PROT_NONE);
  mprotect(base + page + inner, page, PROT_NONE);
  char* at = side == Side::before ? base + page : base + page + inner - room;
  return {at, [base, all](char*) { munmap(base, all); }};
}

inline Tensor tensor(DType dtype, const Shape& shape, Side side) {
  auto memory = allocate(tensor_bytes(dtype, shape), side);
  return Tensor(dtype, shape, memory.get(), memory);
}
inline Tensor copy(const Tensor& t, Side side) {
  Tensor to = tensor(t.dtype(), t.shape(), side);
  if (t.bytes() > 0) std::memcpy(to.raw(), t.raw(), t.bytes());
  return to;
}

/// Says `what` on the standard error stream should the process die of a forbidden page from now on.
inline void announce(const std::string& what) {
  static std::string now;
  now = what + "\n";
  static const bool once = [] {
    std::signal(SIGSEGV, [](int signal) {
      (void)!write(2, now.data(), now.size());
      std::signal(signal, SIG_DFL);
      std::raise(signal);
    });
    return true;
  }();
  (void)once;
}

struct Result {
  std::vector<Tensor> outputs;
  std::vector<Tensor> updates;  // what the graph's updates would have assigned
  bool ok = true;               // the status word
};

/// Runs the kernels of `g`, a graph of known shapes without control flow, as they stand. `threads` bounds the parts.
class Interpreter {
 public:
  Interpreter(const Graph& g, const IsaTable& isa, int threads, Side side)
      : g_(g), isa_(isa), threads_(threads), side_(side) {
    for (int id = 0; id < g.size(); ++id)
      for (Value v : g.node(id).inputs) read_.insert(v);
    for (const auto& [name, v] : g.outputs) read_.insert(v);
    for (const auto& [index, v] : g.updates) read_.insert(v);
  }

  Result run(const std::vector<Tensor>& inputs) {
    Result r;
    std::set<int> written;
    for (const auto& [index, v] : g_.updates) written.insert(index);
    for (int id = 0; id < g_.size(); ++id) {
      const Node& n = g_.node(id);
      if (n.op->kind == OpKind::input) {
        values_[{id, 0}] = copy(inputs.at(size_t(n.attrs.integer("index"))), side_);
      } else if (n.op->kind == OpKind::variable) {
        const int index = int(n.attrs.integer("index"));
        values_[{id, 0}] = copy(g_.variables.at(size_t(index))->value(), side_);
        if (!written.count(index)) persistent_.insert(id);
      } else if (n.op->kind == OpKind::constant) {
        values_[{id, 0}] = copy(n.attrs.tensor("value"), side_);
        persistent_.insert(id);
      } else if (n.op->view()) {
        for (size_t i = 0; i < n.outputs.size(); ++i)
          values_[{id, int(i)}] = values_.at(n.inputs[i]).reshaped(eval_shape(n.outputs[i].shape, {}));
      } else {
        r.ok = run_kernel(id, n) && r.ok;
      }
    }
    for (const auto& [name, v] : g_.outputs) r.outputs.push_back(values_.at(v));
    for (const auto& [index, v] : g_.updates) r.updates.push_back(values_.at(v));
    return r;
  }

 private:
  bool run_kernel(int id, const Node& n) {
    const Attrs attrs = n.attrs.evaluated({});
    const Target target{&isa_, threads_};
    KernelRequest request{*n.op, attrs, {}, {}, target, {}};
    std::vector<void*> buffers;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const Tensor& t = values_.at(n.inputs[i]);
      request.inputs.push_back({t.dtype(), t.shape()});
      request.persistent.push_back(persistent_.count(n.inputs[i].node) > 0);
      buffers.push_back(int(i) == n.op->unread_input && n.outputs[0].dtype == DType::f32 ? nullptr : t.raw());
    }
    bool empty = true;
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const Value v{id, int(i)};
      Tensor t = tensor(n.outputs[i].dtype, eval_shape(n.outputs[i].shape, {}), side_);
      request.outputs.push_back({t.dtype(), t.shape()});
      empty = empty && t.size() == 0;
      buffers.push_back(n.op->optional_outputs && i > 0 && !read_.count(v) ? nullptr : t.raw());
      values_[v] = t;
    }
    if (empty) return true;
    const KernelPlan plan = n.op->cpu(request);
    const auto work = allocate(plan.workspace, side_, 64), prepacked = allocate(plan.prepacked, side_, 64);
    buffers.push_back(plan.workspace ? work.get() : nullptr);
    buffers.push_back(plan.prepacked ? prepacked.get() : nullptr);
    Status status;
    for (const Stage& s : plan.stages)
      for (int part = 0; part < s.parts; ++part)
        s.fn(KernelCall{plan.params.get(), buffers.data(), int(n.inputs.size()), int(buffers.size()) - 2, part, s.parts,
                        &n, &status, part % std::min(threads_, s.parts)});
    return status.kind.load() == Status::ok;
  }

  const Graph& g_;
  const IsaTable& isa_;
  const int threads_;
  const Side side_;
  std::map<Value, Tensor> values_;
  std::set<Value> read_;
  std::set<int> persistent_;
};
}  // namespace hornbeam::guarded
