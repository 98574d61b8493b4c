#!/usr/bin/env bash
# Installs what the tests need into a virtual environment and runs every test: pytest, Keras' own tests, doctests, lint, types,
# the C++ tests under sanitizers, and the GPU's on a device that runs on the CPU. Usage: tests/run.sh [full]   (full adds ThreadSanitizer, the wheel in an
# environment of its own, two minutes of fuzzing, more random graphs, the tests cross-compiled for ARM under emulation, and what
# needs NVIDIA's libraries)
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${VIRTUAL_ENV:-$PWD/.venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
export PATH="$venv/bin:$PATH"
command -v ccache >/dev/null && export CMAKE_CXX_COMPILER_LAUNCHER=ccache
if [ ! -e /usr/include/gtest/gtest.h ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq libgtest-dev >/dev/null
fi
pip install -q '.[test]'

status=0
step() { echo "== $*"; "$@" || { echo "FAILED: $*"; status=1; }; }
step ruff check python tests bench
step mypy
step clang-format --dry-run -Werror $(find cpp python/bindings tests bench -name '*.[ch]pp')
step env HB_NUM_THREADS=1 python -m pytest -n 2
step python tests/keras_compat/run.py
step env HB_NUM_THREADS=1 python -m pytest -q --doctest-modules -p no:cacheprovider --rootdir "$PWD" --pyargs hornbeam

cpp() {  # cpp FOLDER SANITIZERS
  cmake -S . -B "build/$1" -G Ninja -DHB_BUILD_TESTS=ON -DHB_SANITIZE="$2" >"build/$1.log" || { cat "build/$1.log"; return 1; }
  cmake --build "build/$1" --target hornbeam_tests >"build/$1.log" || { tail -40 "build/$1.log"; return 1; }
  ctest --test-dir "build/$1" --output-on-failure -j 2
}
mkdir -p build
step cpp asan address,undefined

# The CUDA backend on a device that runs on the CPU; what it compiled there, by NVIDIA's compiler too.
fake_device() {
  cmake -S . -B build/fake -G Ninja -DHB_BUILD_TESTS=ON >build/fake.log || { cat build/fake.log; return 1; }
  cmake --build build/fake --target fake_device >build/fake.log || { tail -40 build/fake.log; return 1; }
  ctest --test-dir build/fake --output-on-failure -j 2 -R '^Fake'
}
step fake_device
fake=$PWD/build/fake/fake_cuda
on_gpu() { HB_CUDA_PATH=$1 HB_CACHE_DIR=$PWD/build/fake/kernels HB_NUM_THREADS=1 "${@:2}"; }
step on_gpu "$fake:$fake/libraries" python -m pytest -n 2 tests/cuda
step on_gpu "$fake" python -m pytest -n 2 tests/cuda/test_op_cases.py tests/cuda/test_products.py tests/cuda/test_convolutions.py
step pip install -q nvidia-cuda-nvrtc
step python tests/cuda/compile_kernels.py build/fake/kernels
fuzz() {  # fuzz NAME: a minute of libFuzzer
  cmake -S . -B build/fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DHB_OPENMP=OFF -DHB_BUILD_FUZZ=ON \
    -DHB_SANITIZE=address,undefined,fuzzer-no-link >build/fuzz.log || { cat build/fuzz.log; return 1; }
  cmake --build build/fuzz --target "fuzz_$1" >build/fuzz.log || { tail -40 build/fuzz.log; return 1; }
  mkdir -p "build/fuzz/corpus_$1"
  "build/fuzz/tests/fuzz/fuzz_$1" -max_total_time=60 -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/ "build/fuzz/corpus_$1" 2>build/fuzz.log || { tail -60 build/fuzz.log; return 1; }
  tail -6 build/fuzz.log
}
arm() {  # the portable kernels as NEON code, under emulation
  cmake -S . -B build/arm -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_CROSSCOMPILING_EMULATOR="qemu-aarch64;-L;/usr/aarch64-linux-gnu" \
    -DHB_OPENMP=OFF -DHB_BUILD_TESTS=ON >build/arm.log || { cat build/arm.log; return 1; }
  cmake --build build/arm --target hornbeam_tests >build/arm.log || { tail -40 build/arm.log; return 1; }
  ctest --test-dir build/arm --output-on-failure -j 2
}
if [ "${1:-}" = full ]; then
  step pip install -q nvidia-cublas nvidia-cudnn-cu13 nvidia-cuda-runtime nvidia-cuda-nvcc nvidia-cuda-cccl
  step on_gpu "$fake:$fake/libraries" python -m pytest tests/cuda/test_libraries.py
  step python tests/cuda_headers/run.py "$(python -c 'import nvidia; print(nvidia.__path__[0])')"/*/include
  step on_gpu "$fake:$fake/libraries" env HB_BENCH_BUILD=none HB_BENCH_FRAMEWORKS=hornbeam bench/gpu.sh --toy
  step cpp tsan thread
  fresh=$(mktemp -d)
  step python -m venv "$fresh"
  step "$fresh/bin/pip" install -q .
  step "$fresh/bin/python" tests/install/check.py
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq clang g++-aarch64-linux-gnu qemu-user >/dev/null
    apt-get install -y -qq libclang-rt-dev >/dev/null 2>&1 || apt-get install -y -qq libclang-rt-14-dev >/dev/null
  fi
  step python tests/fuzz/make_seeds.py build/fuzz/corpus_model_file
  step fuzz model_file
  step fuzz graph
  step env HB_PROPERTY_FIRST=1000 HB_PROPERTY_SEEDS=2000 build/asan/tests/cpp/hornbeam_tests \
    --gtest_brief=1 --gtest_filter='*Products*:*Kernels*'
  step arm
fi
[ $status = 0 ] && echo "all steps passed" || echo "some steps failed"
exit $status
