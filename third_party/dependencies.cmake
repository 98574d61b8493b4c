# Finds what Hornbeam is built, tested and measured with but does not hold. Included by the top level, so that the targets
# are known to all folders. The core itself needs the C++ library and threads; OpenMP where HB_OPENMP is on.
function(hb_need name hint)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${name} was not found: ${hint}")
  endif()
endfunction()

hb_need(Threads "the C library's thread support is missing")
if(HB_OPENMP AND NOT HB_SANITIZE MATCHES "thread")  # whose runtime ThreadSanitizer does not understand
  hb_need(OpenMP "install the compiler's OpenMP (for example libomp), or configure with -DHB_OPENMP=OFF" COMPONENTS CXX)
endif()

if(HB_BUILD_PYTHON)
  find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
  execute_process(COMMAND ${Python_EXECUTABLE} -m pybind11 --cmakedir OUTPUT_VARIABLE hb_pybind11 ERROR_QUIET
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  hb_need(pybind11 "pip install pybind11 for ${Python_EXECUTABLE}" CONFIG HINTS ${hb_pybind11})
endif()

if(HB_BUILD_TESTS)
  find_package(Python REQUIRED COMPONENTS Interpreter)
  if(CMAKE_CROSSCOMPILING)  # Debian's libgtest-dev has the sources
    add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
  else()
    hb_need(GTest "install GoogleTest (Debian: libgtest-dev)")
  endif()
endif()

if(HB_BUILD_BENCH)
  hb_need(benchmark "install Google Benchmark (Debian: libbenchmark-dev)")
  find_library(HB_OPENBLAS openblas)  # compared with where they are there
  find_library(HB_DNNL dnnl)
endif()
