// A fused elementwise group as other kernels see it: planned once, then run over any range of its iteration space.
#pragma once

#include "kernels/cpu/kernel_util.hpp"

namespace hornbeam {

constexpr int kTile = 512;                              // floats an instruction works on at a time
constexpr int kMaxSlots = 2 * int(kLargestGroup);       // tiles: two for each input of the largest group, one a result
constexpr int kMostRegisters = int(kLargestGroup) + 1;  // a group behind a product has one more input

/// float32 arithmetic on tiles; bool values are 0 and 1 inside. Inputs of other types are converted as they are read.
struct FusedKernel {
  struct Input {
    enum Kind { direct, scalar, repeated, laid_out, rows } kind;
    DType dtype;
    int slot;            // tile it is read into, when not direct
    int64_t period = 0;  // repeated: floats that repeat, as a bias does,
    int64_t block = 0;   // within each block of the space,
    size_t outer = 0;    // of which these axes count the blocks
    int ids = -1;        // rows: the input that says where they belong
    int last_read = -1;  // the last instruction that reads it

    bool in_place() const { return period >= kTile; }                 // a repeated one, read where it lies
    int64_t unbroken() const { return in_place() ? period : block; }  // no tile goes beyond a multiple of this
  };
  struct Output {
    int reg;
    DType dtype;
    bool direct;  // the instruction may write the result where it goes
  };
  // An instruction as it runs: which register it writes, and which it reads (repeated where it takes fewer).
  struct Step {
    TileFn fn;
    int to, a, b, c;
  };
  Walk walk;
  std::vector<EwInstr> code;
  std::vector<Step> steps;  // of the code, without what was merged
  std::vector<int> slot;    // of each instruction's result, unless it is written where it goes
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  const IsaTable* isa = nullptr;
  int slots = 0;
  int64_t row = 0, row_count = 0;  // of sparse inputs: floats in a row of the table, and rows at hand
  Ints keeps;                      // inputs whose other rows the results keep, when just those rows are computed

  /// Runs over [begin, end) of the flat iteration space. `replace` overrides input `replaced` with values that start
  /// at `begin` (an epilogue's own product), or is null.
  void run(void* const* in, void* const* out, int64_t begin, int64_t end, int replaced = -1,
           const float* replace = nullptr) const;

  /// The first of a sparse input's rows that lies at or after a row of the table.
  int64_t find_row(void* const* in, const Input& s, int64_t row) const;

 private:
  void read_rows(const Input& s, void* const* in, size_t i, int64_t at, int n, float* tile) const;
  const float* find_block(const void* x, size_t i, int64_t block) const;
  int64_t tile_at(int64_t at, int64_t end) const;
  void prefetch(void* const* in, void* const* out, int64_t at, int n) const;  // the next tile
};

/// Inputs that may share memory with an output.
std::vector<int> alias_inputs(const FusedKernel& k);
/// Makes one instruction of several where nobody else reads what comes in between; `results` are read by others.
void merge_instructions(std::vector<EwInstr>& code, int inputs, const Ints& results);
FusedKernel make_fused(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs,
                       const Ints& program, const Ints& results, const IsaTable* isa, const char* op,
                       const Ints& sparse = {});
/// One op of any dtype, element by element.
KernelPlan plan_elementwise_reference(const KernelRequest& r, Ew op);
KernelPlan plan_cast(const KernelRequest& r);
}  // namespace hornbeam
