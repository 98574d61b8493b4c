#!/usr/bin/env bash
# Builds Hornbeam on a machine with an NVIDIA GPU, checks it there and times it beside its peers, within eight minutes.
# Usage: bench/gpu.sh [--toy]   (--toy: all of it at toy sizes on the fake device of tests/fake_cuda)
# Every part has a limit and none stops the rest. Results: bench/results/gpu-CARD.json and .md (not of --toy), and $OUT.
# HB_BENCH_SECONDS: for everything; HB_BENCH_BUILD: a build folder, or "none" for what Python and HB_CUDA_PATH find;
# HB_PEER_PYTHON: the interpreter that has torch and JAX; HB_BENCH_FRAMEWORKS: those to time, of hornbeam,torch,
# torch-compile,torch-graph,jax.
set -uo pipefail
cd "$(dirname "$0")/.."
toy=${1:-}
[ -z "$toy" ] || [ "$toy" = --toy ] || { echo "usage: bench/gpu.sh [--toy]"; exit 2; }
budget=${HB_BENCH_SECONDS:-470}
patience=1
[ -z "$toy" ] || { export OMP_NUM_THREADS=1; budget=${HB_BENCH_SECONDS:-7200}; patience=20; }
build=${HB_BENCH_BUILD:-build/gpu}
cores=${HB_BENCH_CORES:-$(nproc)}
export PATH=$PATH:/usr/local/cuda/bin  # of compute-sanitizer
here=$PWD/bench/gpu
export OUT=${OUT:-$PWD/build/gpu-out} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export HB_BENCH_PARTS=$PWD/build/gpu-parts HB_PEER_PYTHON=${HB_PEER_PYTHON:-python3}
if [ -n "$toy" ]; then
  export HB_CACHE_DIR=${HB_CACHE_DIR:-$PWD/build/gpu-cache}
else
  export HB_CACHE_DIR=$PWD/build/gpu-cache
  rm -rf "$HB_CACHE_DIR"  # kernels are compiled for this run
fi
rm -rf "$HB_BENCH_PARTS"
mkdir -p "$OUT" "$HB_BENCH_PARTS"
exec > >(tee "$OUT/log.txt") 2>&1

part() {  # part NAME SECONDS COMMAND..: under a limit, which is no more than what is left
  local name=$1 limit=$(($2 * patience)) start=$SECONDS left=$((budget - SECONDS)) status
  shift 2
  [ "$left" -gt 5 ] || { echo "== $name: no time is left for it"; return 1; }
  [ "$limit" -lt "$left" ] || limit=$left
  echo "== $name: at $start s, limit $limit s"
  timeout -s INT -k 5 "$limit" env --default-signal=INT "HB_PART_SECONDS=$limit" "$@"  # interrupted, it still writes
  status=$?
  echo "== $name: exit $status after $((SECONDS - start)) s$([ $status != 124 ] || echo ', cut off at its limit')"
  [ $status = 0 ] || echo "$name" >>"$HB_BENCH_PARTS/failed"
  return $status
}
torch_rates() {
  if "$HB_PEER_PYTHON" -c "import torch" 2>/dev/null; then
    part "rates of torch" 60 "$HB_PEER_PYTHON" "$here/rates_torch.py" $toy
  else
    echo "== rates of torch: left out, $HB_PEER_PYTHON has no torch"
  fi
}
report() { python3 "$here/report.py" $toy "$@"; }

configure() {  # pybind11 from its package, else from the headers that torch brings; ninja where it is
  local options=(-DHB_BUILD_PYTHON=ON -DHB_WHEEL=ON "-DPython_EXECUTABLE=$(command -v python3)")
  ! command -v ninja >/dev/null || options+=(-G Ninja)
  python3 -m pybind11 --cmakedir >/dev/null 2>&1 || options+=("-Dpybind11_DIR=$here/pybind11")
  [ -z "$toy" ] || options+=(-DHB_BUILD_TESTS=ON)
  cmake -S . -B "$build" "${options[@]}"
}
install() {  # what a wheel holds, into build/gpu-site
  local site=$PWD/build/gpu-site
  rm -rf "$site" && mkdir -p "$site" && cp -r python/hornbeam "$site/" || return 1
  rm -f "$site"/hornbeam/_core*.so && rm -rf "$site/hornbeam/lib" && mkdir "$site/hornbeam/lib" || return 1
  cp "$build"/python/bindings/_core*.so "$site/hornbeam/" && cp -P "$build"/cpp/libhornbeam.so* "$site/hornbeam/lib/"
}
make_all() {
  local targets=(--target hornbeam _core)
  [ -z "$toy" ] || targets+=(fake_device)
  [ -e "$build/CMakeCache.txt" ] || configure || return 1
  cmake --build "$build" -j "$cores" "${targets[@]}" && install
}
export -f configure install make_all
export build cores here toy

python3 "$here/environment.py" record $toy
torch_rates & rates=$!  # which need no build
if [ "$build" != none ]; then
  part build 200 bash -c make_all >"$HB_BENCH_PARTS/build.txt" 2>&1
  built=$?
  tail -$((built ? 30 : 1)) "$HB_BENCH_PARTS/build.txt"
  [ $built = 0 ] || exit 1
  fake=$(realpath "$build")/fake_cuda
  [ -n "$toy" ] && HB_CUDA_PATH=$fake:$fake/libraries || HB_CUDA_PATH=$(python3 "$here/environment.py" libraries)
  export HB_CUDA_PATH PYTHONPATH=$PWD/build/gpu-site
fi
wait "$rates"
python3 -c "import sys; from hornbeam import _core; sys.exit(_core.gpu_problem() or 0)" || exit 1

# Nothing is timed here: what may go on at the same time does.
if [ -z "$toy" ] && python3 -c "import pytest" 2>/dev/null; then
  python3 -c "import xdist" 2>/dev/null && many=(-n 12) || many=()
  part "tests of the GPU backend" 120 python3 -m pytest tests/cuda -q -W default -p no:cacheprovider "${many[@]}" \
    "--junitxml=$HB_BENCH_PARTS/pytest.xml" >"$OUT/pytest.txt" 2>&1 & tests=$!
else
  part "op cases" 120 python3 "$here/checks.py" ops $toy & tests=$!
fi
part "random streams, digits" 60 python3 "$here/checks.py" streams digits $toy
if command -v compute-sanitizer >/dev/null; then
  part memcheck 110 python3 "$here/sanitize.py" memcheck & memory=$!
  part racecheck 110 python3 "$here/sanitize.py" racecheck
  wait "$memory"
fi
wait "$tests"
[ ! -e "$OUT/pytest.txt" ] || tail -15 "$OUT/pytest.txt"
report

part "steps of small models" 135 python3 "$here/steps.py" small $toy
report
part "rates of kernels" 40 python3 "$here/rates.py" $toy
part "steps of ResNet-50" 110 python3 "$here/steps.py" resnet50 $toy
part "steps of GPT-2" 110 python3 "$here/steps.py" gpt2 $toy
report
part profiles 50 python3 "$here/profiles.py" $toy
report --show
echo "all parts have ended after $SECONDS s"
[ ! -e "$HB_BENCH_PARTS/failed" ] || { echo "failed or cut off: $(paste -sd, "$HB_BENCH_PARTS/failed")"; exit 1; }
