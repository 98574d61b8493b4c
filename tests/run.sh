#!/usr/bin/env bash
# Installs what the tests need into a virtual environment and runs every test: pytest, doctests, lint, types, and the C++
# tests under sanitizers. Usage: tests/run.sh [full]   (full adds ThreadSanitizer and the wheel in an environment of its own)
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
step env HB_NUM_THREADS=1 python -m pytest -n 2
step env HB_NUM_THREADS=1 python -m pytest -q --doctest-modules -p no:cacheprovider --rootdir "$PWD" --pyargs hornbeam

cpp() {  # cpp FOLDER SANITIZERS
  cmake -S . -B "build/$1" -G Ninja -DHB_BUILD_TESTS=ON -DHB_SANITIZE="$2" >"build/$1.log" || { cat "build/$1.log"; return 1; }
  cmake --build "build/$1" --target hornbeam_tests >"build/$1.log" || { tail -40 "build/$1.log"; return 1; }
  ctest --test-dir "build/$1" --output-on-failure -j 2
}
mkdir -p build
step cpp asan address,undefined
if [ "${1:-}" = full ]; then
  step cpp tsan thread
  fresh=$(mktemp -d)
  step python -m venv "$fresh"
  step "$fresh/bin/pip" install -q .
  step "$fresh/bin/python" tests/install/check.py
fi
[ $status = 0 ] && echo "all steps passed" || echo "some steps failed"
exit $status
