# pybind11 where its package is not installed: the headers that torch brings are enough to build an extension.
execute_process(COMMAND ${Python_EXECUTABLE} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
                OUTPUT_VARIABLE hb_torch ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
find_path(HB_PYBIND11 pybind11/pybind11.h HINTS ${hb_torch}/include NO_DEFAULT_PATH)
if(NOT HB_PYBIND11)
  set(pybind11_FOUND FALSE)
  return()
endif()
function(pybind11_add_module name)
  list(REMOVE_ITEM ARGN NO_EXTRAS)
  Python_add_library(${name} MODULE WITH_SOABI ${ARGN})
  target_include_directories(${name} SYSTEM PRIVATE ${HB_PYBIND11})
  set_target_properties(${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()
