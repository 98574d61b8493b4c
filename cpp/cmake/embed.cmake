# Writes the texts of files into a C++ table: cmake -DFOLDER=.. -DOUTPUT=.. -P embed.cmake
file(GLOB files ${FOLDER}/*.cuh)
set(rows "")
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND rows "    {\"${name}\", R\"~~(${text})~~\"},\n")
endforeach()
file(WRITE ${OUTPUT}
     "#include \"cuda/compiler.hpp\"\n#include \"kernels/cuda/plan.hpp\"\n\nnamespace hornbeam::cuda {\nconst Include kHeaders[] = {\n${rows}    {nullptr, nullptr}};\n}  // namespace hornbeam::cuda\n")
