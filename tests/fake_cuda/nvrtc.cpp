// The fake NVRTC: hands device code to g++ and gives the shared library out as a cubin.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "device_abi.hpp"
#include "nvrtc_api.hpp"

namespace fs = std::filesystem;

struct _nvrtcProgram {
  std::string name, source;
  std::map<std::string, std::string> headers;  // by the name that includes use
  std::vector<std::string> expressions;
  std::vector<std::string> lowered;
  std::string log, cubin;
  bool tried = false;
};

namespace {

constexpr int kArchs[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
constexpr const char* kReplaced = "intrinsics.cuh";

// Of NVRTC's options those that take a value and mean nothing here, then those without one.
constexpr const char* kIgnoredWithValue[] = {"--std",
                                             "-std",
                                             "--fmad",
                                             "-fmad",
                                             "--ftz",
                                             "-ftz",
                                             "--prec-div",
                                             "-prec-div",
                                             "--prec-sqrt",
                                             "-prec-sqrt",
                                             "--maxrregcount",
                                             "-maxrregcount",
                                             "--device-float128",
                                             "--split-compile",
                                             "-split-compile"};
constexpr const char* kIgnored[] = {"-default-device",
                                    "--device-as-default-execution-space",
                                    "-lineinfo",
                                    "--generate-line-info",
                                    "--restrict",
                                    "-restrict",
                                    "--use_fast_math",
                                    "-use_fast_math",
                                    "--disable-warnings",
                                    "-w",
                                    "--extra-device-vectorization",
                                    "-extra-device-vectorization",
                                    "--no-source-include",
                                    "-no-source-include",
                                    "--minimal",
                                    "-minimal"};

struct Options {
  unsigned arch = 0;  // of a real architecture; else there is no cubin
  std::vector<std::string> defines;
};

template <size_t n>
bool among(const std::string& word, const char* const (&words)[n]) {
  for (const char* one : words) {
    if (word == one) return true;
  }
  return false;
}

// False, with a line in the log, for what NVRTC does not know either.
bool read_option(const std::string& option, Options& options, std::string& log) {
  const size_t equals = option.find('=');
  const std::string key = option.substr(0, equals),
                    value = equals == std::string::npos ? "" : option.substr(equals + 1);
  if (key == "--gpu-architecture" || key == "-arch") {
    if (value.rfind("sm_", 0) == 0) options.arch = std::atoi(value.c_str() + 3);
    for (const int known : kArchs) {
      if (options.arch == 0 || options.arch == static_cast<unsigned>(known)) return true;
    }
  } else if (key == "--define-macro") {
    options.defines.push_back("-D" + value);
    return true;
  } else if (option.rfind("-D", 0) == 0 && option.size() > 2) {
    options.defines.push_back(option);
    return true;
  } else if (among(key, kIgnoredWithValue) || among(option, kIgnored)) {
    return true;
  }
  log = "nvrtc: error: invalid value or option: " + option + "\n";
  return false;
}

// NVRTC sees the program's own headers only. The name and line of an include of another one, or nothing.
std::string foreign_include(const std::string& file, const std::string& text, const _nvrtcProgram& program) {
  int line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    size_t at = begin;
    const auto skip_blanks = [&] { at = std::min(text.find_first_not_of(" \t", at), end); };
    skip_blanks();
    if (at < end && text[at] == '#') {
      ++at;
      skip_blanks();
      if (text.compare(at, 7, "include") == 0) {
        at += 7;
        skip_blanks();
        const std::string rest = text.substr(at, end - at);
        const size_t close = rest.find_first_of("\">", 1);
        const std::string name = close == std::string::npos ? rest : rest.substr(1, close - 1);
        if (program.headers.count(name) == 0) {
          return file + "(" + std::to_string(line) + "): error: cannot open source file \"" + name + "\"\n";
        }
      }
    }
    begin = end + 1;
  }
  return {};
}

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// The program, then an exported entry for each kernel that was asked for.
std::string with_entries(const _nvrtcProgram& program) {
  std::string text = "#include \"" + program.name + "\"\n";
  for (size_t i = 0; i < program.expressions.size(); ++i) {
    const std::string& expression = program.expressions[i];
    const std::string kernel = "(" + expression + ")";
    text += "extern \"C\" __attribute__((visibility(\"default\"), used)) constexpr fake::Entry " + program.lowered[i] +
            " = fake::make_entry<" + kernel + ">(" + quoted(expression) + ", " + kernel + ");\n";
  }
  return text;
}

// Exit status of a command, its output in a file. Sanitizers of the caller are none of the compiler's business.
int run(const std::vector<std::string>& command, const fs::path& output) {
  std::vector<char*> arguments, environment;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  for (char** variable = environ; *variable; ++variable) {
    if (std::strncmp(*variable, "LD_PRELOAD=", 11) != 0) environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

nvrtcResult compile(_nvrtcProgram& program, const Options& options, const fs::path& folder) {
  write(folder / program.name, program.source);
  for (const auto& [name, text] : program.headers) {
    const bool replaced = fs::path(name).filename() == kReplaced;
    write(folder / name, replaced ? read(fs::path(FAKE_CUDA_SOURCES) / kReplaced) : text);
  }
  write(folder / "fake_entries.cpp", with_entries(program));
  const char* compiler = std::getenv("HB_FAKE_CUDA_CXX");
  const fs::path library = folder / "fake_module.so", log = folder / "fake_log.txt";
  std::vector<std::string> command = {compiler && *compiler ? compiler : "g++"};
  for (const char* word : {"-std=c++17", "-O1", "-fPIC", "-shared", "-w", "-fsanitize=alignment",
                           "-fsanitize-undefined-trap-on-error", "-ffp-contract=off", "-fno-strict-aliasing", "-fwrapv",
                           "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-nodefaultlibs"}) {
    command.push_back(word);
  }
  command.insert(command.end(), options.defines.begin(), options.defines.end());
  const std::string prelude = (fs::path(FAKE_CUDA_SOURCES) / "fake_device.hpp").string();
  for (const std::string& word :
       {std::string("-include"), prelude, "-I" + folder.string(), (folder / "fake_entries.cpp").string(),
        std::string("-o"), library.string(), std::string("-lm"), std::string("-lc")}) {
    command.push_back(word);
  }
  const int status = run(command, log);
  program.log = read(log);
  if (status == -1) program.log = "cannot run " + command[0] + "\n";
  if (status != 0) return NVRTC_ERROR_COMPILATION;
  const std::string bytes = read(library);
  fake::CubinHeader header{};
  std::memcpy(header.magic, fake::kCubinMagic, sizeof header.magic);
  header.bytes = bytes.size();
  header.arch = options.arch;
  if (options.arch != 0) program.cubin.assign(reinterpret_cast<const char*>(&header), sizeof header).append(bytes);
  return NVRTC_SUCCESS;
}

}  // namespace

nvrtcResult nvrtcVersion(int* major, int* minor) {
  *major = 13;
  *minor = 0;
  return NVRTC_SUCCESS;
}

const char* nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
    case NVRTC_SUCCESS:
      return "NVRTC_SUCCESS";
    case NVRTC_ERROR_INVALID_INPUT:
      return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM:
      return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION:
      return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION:
      return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION:
      return "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION";
    case NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION:
      return "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION";
    case NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID:
      return "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID";
    case NVRTC_ERROR_INTERNAL_ERROR:
      return "NVRTC_ERROR_INTERNAL_ERROR";
    default:
      return "NVRTC_ERROR unknown";
  }
}

nvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  *count = std::size(kArchs);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int* archs) {
  std::memcpy(archs, kArchs, sizeof kArchs);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* source, const char* name, int header_count,
                               const char* const* headers, const char* const* include_names) {
  if (!program || !source || header_count < 0) return NVRTC_ERROR_INVALID_INPUT;
  auto* made = new _nvrtcProgram;
  made->name = name && *name ? name : "default_program";
  made->source = source;
  for (int i = 0; i < header_count; ++i) made->headers[include_names[i]] = headers[i];
  *program = made;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program) {
  if (!program || !*program) return NVRTC_ERROR_INVALID_PROGRAM;
  delete *program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcAddNameExpression(nvrtcProgram program, const char* expression) {
  if (program->tried) return NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION;
  program->lowered.push_back("fake_kernel_" + std::to_string(program->expressions.size()));
  program->expressions.push_back(expression);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int option_count, const char* const* options) {
  program->tried = true;
  Options read;
  for (int i = 0; i < option_count; ++i) {
    if (!read_option(options[i], read, program->log)) return NVRTC_ERROR_INVALID_OPTION;
  }
  program->log = foreign_include(program->name, program->source, *program);
  for (const auto& [name, text] : program->headers) program->log += foreign_include(name, text, *program);
  if (!program->log.empty()) return NVRTC_ERROR_COMPILATION;
  try {
    std::string folder = (fs::temp_directory_path() / "fake_nvrtc_XXXXXX").string();
    if (!mkdtemp(folder.data())) return NVRTC_ERROR_INTERNAL_ERROR;
    const nvrtcResult result = compile(*program, read, folder);
    fs::remove_all(folder);
    return result;
  } catch (const std::exception& error) {
    program->log = error.what();
    return NVRTC_ERROR_INTERNAL_ERROR;
  }
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t* bytes) {
  *bytes = program->cubin.size();
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* cubin) {
  std::memcpy(cubin, program->cubin.data(), program->cubin.size());
  return NVRTC_SUCCESS;
}

// There is no other code than what runs here.
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t* bytes) { return nvrtcGetCUBINSize(program, bytes); }
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char* ptx) { return nvrtcGetCUBIN(program, ptx); }

nvrtcResult nvrtcGetLoweredName(nvrtcProgram program, const char* expression, const char** lowered) {
  if (!program->tried) return NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION;
  for (size_t i = 0; i < program->expressions.size(); ++i) {
    if (program->expressions[i] != expression) continue;
    *lowered = program->lowered[i].c_str();
    return NVRTC_SUCCESS;
  }
  return NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t* bytes) {
  *bytes = program->log.size() + 1;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char* log) {
  std::memcpy(log, program->log.c_str(), program->log.size() + 1);
  return NVRTC_SUCCESS;
}
