#include "ci/bisect/builds.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "ci/bisect/process.h"
#include "kernels/device/error.h"
#include "reports/append_file.h"
#include "reports/pending_file.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What no program of a build depends on. All else does: better a build too many than a wrong one.
bool is_without_effect(std::string_view name) {
  constexpr std::array NAMES = {"LICENSE",    ".github",       ".ci",
                                ".gitignore", ".clang-format", ".clang-tidy"};
  return name.ends_with(".md") || std::ranges::find(NAMES, name) != NAMES.end();
}

// Read at run time from the source folder that a program was built in.
const std::vector<std::string>& data_paths() {
  static const std::vector<std::string> paths = {"suites/golden", "reference/checkpoint"};
  return paths;
}

std::string output_of(const std::vector<std::string>& argv) {
  try {
    const ProcessResult result = run_process({.argv = argv});
    return result.ok() ? result.out : "";
  } catch (const InputError&) {
    return "";
  }
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

json to_json(const MachineCode& code) {
  json objects = json::object();
  for (const auto& [path, object] : code)
    objects[path] = {object.hash, object.defined, object.undefined};
  return objects;
}

MachineCode code_of(const json& objects) {
  MachineCode code;
  for (const auto& [path, object] : objects.items()) {
    code[path] = {object.at(0).get<std::string>(), object.at(1).get<std::vector<std::string>>(),
                  object.at(2).get<std::vector<std::string>>()};
  }
  return code;
}

// What a lock begins with, and so what tells a work folder.
constexpr std::string_view OURS = "assay bisect, process ";

std::string first_line_of(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// The line that says what is wrong, out of a compiler's many.
std::string error_in(const std::string& log) {
  for (const char* mark : {"error:", "Error", "FAILED:"}) {
    if (const std::size_t at = log.find(mark); at != std::string::npos) {
      const std::size_t begin = log.rfind('\n', at) + 1;
      return log.substr(begin, log.find('\n', at) - begin);
    }
  }
  return last_lines(log, 1);
}

}  // namespace

WorkFolder::WorkFolder(fs::path folder, Access access)
    : path_(fs::weakly_canonical(fs::absolute(std::move(folder)))) {
  const fs::path lock = path_ / "lock";
  // What a killed run left is swept up; nothing of anybody else's may be there.
  if (fs::is_directory(path_) && !fs::is_empty(path_) && !first_line_of(lock).starts_with(OURS)) {
    throw InputError(fmt::format(
        "--work-dir {}: holds files and is no work folder of this bisect's; name an empty or a new "
        "one",
        path_.string()));
  }
  if (access == Access::kRead) return;
  std::error_code failed;
  fs::create_directories(path_, failed);
  if (failed || !fs::is_directory(path_)) {
    throw InputError(fmt::format("--work-dir {}: cannot be made: {}", path_.string(),
                                 failed ? failed.message() : "it is no folder"));
  }
  descriptor_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw InputError(fmt::format("{}: cannot be written", lock.string()));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw InputError(
        fmt::format("{}: another bisection works here ({}); wait for it, or give another "
                    "--work-dir",
                    path_.string(), first_line_of(lock)));
  }
  const std::string holder = fmt::format("{}{}\n", OURS, ::getpid());
  if (::pwrite(descriptor_, holder.data(), holder.size(), 0) < 0 ||
      ::ftruncate(descriptor_, static_cast<off_t>(holder.size())) != 0) {
    throw InputError(fmt::format("{}: cannot be written", lock.string()));
  }
  end_processes_with(mark());
  fs::remove_all(path_ / "scratch");
  if (fs::exists(path_ / "builds")) {
    for (const auto& entry : fs::directory_iterator(path_ / "builds"))
      if (entry.path().extension() == ".partial") fs::remove_all(entry.path());
  }
  if (fs::exists(path_ / "slots")) {
    // A build that was killed may have left half an object file that looks up to date.
    for (const auto& entry : fs::directory_iterator(path_ / "slots")) {
      if (!fs::exists(entry.path() / "building")) continue;
      fs::remove_all(entry.path() / "source" / "build");
      fs::remove(entry.path() / "building");
    }
  }
  scratch_ = path_ / "scratch";
  fs::create_directories(scratch_ / "runs");
}

WorkFolder::~WorkFolder() {
  if (descriptor_ < 0) return;
  std::error_code ignored;
  fs::remove_all(scratch_, ignored);
  ::close(descriptor_);  // and so unlocks
}

fs::path default_work_folder(const Repository& repository) {
  const std::string cache = variable("XDG_CACHE_HOME");
  const std::string home = variable("HOME");
  if (cache.empty() && home.empty())
    throw InputError("neither HOME nor XDG_CACHE_HOME is set; give a --work-dir");
  return (cache.empty() ? fs::path(home) / ".cache" : fs::path(cache)) / "assay" / "bisect" /
         repository.hash(repository.shared().string()).substr(0, 12);
}

BuildStore::BuildStore(const Repository& repository, const WorkFolder& work, BuildPlan plan)
    : repository_(repository), work_(work), plan_(std::move(plan)) {
  const std::string cxx = variable("CXX");
  compilers_ = output_of({cxx.empty() ? "c++" : cxx, "--version"});
  if (plan_.preset.starts_with("cuda")) compilers_ += output_of({"nvcc", "--version"});
  for (const char* name : {"CXX", "CXXFLAGS", "LDFLAGS", "CUDACXX", "CUDAFLAGS", "CUDAARCHS"})
    compilers_ += variable(name) + "\n";
  has_ccache_ = !output_of({"ccache", "--version"}).empty();
  if (plan_.jobs <= 0) plan_.jobs = static_cast<int>(std::thread::hardware_concurrency());
}

fs::path BuildStore::slot_folder(int slot) const {
  return work_.path() / "slots" / fmt::format("{:02}", slot);
}

fs::path BuildStore::build_folder(int slot) const {
  return slot_folder(slot) / "source" / "build" / "bisect";
}

std::string BuildStore::key_of(const std::string& commit) const {
  std::string text = fmt::format("3\n{}\n{}\n{}\n{}\n{}\n", plan_.preset, plan_.target,
                                 plan_.command, fmt::join(plan_.cmake_arguments, "\n"), compilers_);
  for (const std::string& entry : repository_.top_entries(commit)) {
    const std::string name = entry.substr(entry.find('\t') + 1);
    if (!plan_.command.empty() || !is_without_effect(name)) text += entry + "\n";
  }
  return repository_.hash(text);
}

fs::path BuildStore::folder_of(const std::string& commit) const {
  return work_.path() / "builds" / key_of(commit);
}

std::optional<Build> BuildStore::find(const std::string& commit) const {
  const fs::path folder = folder_of(commit);
  if (!fs::exists(folder / "build.json")) return std::nullopt;
  const json known = json::parse(reports::read_file(folder / "build.json"), nullptr, false);
  if (known.is_discarded()) return std::nullopt;
  Build build;
  build.ok = known.at("ok");
  build.cached = true;
  build.problem = known.at("problem");
  build.wall_s = known.at("wall_s");
  build.slot = known.at("slot");
  build.bin = folder / "bin";
  build.code = code_of(known.at("code"));
  return build;
}

Build BuildStore::get(const std::string& commit, int slot) {
  if (auto found = find(commit)) return *found;
  const fs::path folder = folder_of(commit);
  const fs::path partial = folder.string() + ".partial";
  fs::remove_all(partial);
  fs::remove_all(folder);
  fs::create_directories(partial / "bin");
  Build build;
  try {
    build = make(commit, slot, partial);
  } catch (...) {
    fs::remove_all(partial);
    throw;
  }
  if (build.timed_out) {  // with more time it may build
    fs::remove_all(partial);
    return build;
  }
  reports::write_whole_file(partial / "build.json", json{{"commit", commit},
                                                         {"ok", build.ok},
                                                         {"problem", build.problem},
                                                         {"wall_s", build.wall_s},
                                                         {"slot", slot},
                                                         {"code", to_json(build.code)}}
                                                        .dump(1));
  fs::rename(partial, folder);
  build.bin = folder / "bin";
  return build;
}

Build BuildStore::make(const std::string& commit, int slot, const fs::path& partial) {
  const auto start = std::chrono::steady_clock::now();
  const fs::path place = slot_folder(slot);
  WorkingCopy source(repository_, place / "source");
  source.checkout(commit);
  const fs::path building = place / "building";
  std::ofstream(building) << commit << "\n";
  Build build;
  build.slot = slot;
  // Interrupted, or out of time, its processes may have been killed over half a file: the mark
  // stays for the next run to see, or what is there goes at once.
  build.problem = configure_and_build(slot, partial / "log", build.timed_out);
  if (build.timed_out) fs::remove_all(build_folder(slot));
  fs::remove(building);
  build.ok = build.problem.empty();
  build.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!build.ok) return build;
  const fs::path bin = build_folder(slot) / "bin";
  if (!plan_.command.empty()) {
    if (fs::exists(bin)) fs::copy(bin, partial / "bin", fs::copy_options::recursive);
    return build;
  }
  // What ptxas says of the kernels, where the commit has a target for it: the work metric's
  // columns.
  if (plan_.preset.starts_with("cuda") && plan_.target == "verify") {
    const fs::path table = build_folder(slot) / "kernel_resources.json";
    fs::remove(table);  // of another commit
    const ProcessResult made = run_process(
        {.argv = {"cmake", "--build", build_folder(slot).string(), "--target", "kernel_resources"},
         .environment = {work_.mark()},
         .timeout_s = plan_.timeout_s});
    if (made.ok() && fs::exists(table)) fs::copy_file(table, partial / "bin" / table.filename());
  }
  const fs::path program = bin / plan_.target;
  const fs::path kept = partial / "bin" / plan_.target;
  // Without debug information: a fortieth of the size.
  const std::vector<std::string> strip = {"objcopy", "--strip-debug", program, kept};
  bool stripped = false;
  try {
    stripped = run_process({.argv = strip}).ok();
  } catch (const InputError&) {
  }
  if (!stripped) fs::copy_file(program, kept, fs::copy_options::overwrite_existing);
  build.code = read_machine_code(build_folder(slot), "bin/" + plan_.target,
                                 {commit, (place / "source").string(), place.string()});
  return build;
}

std::string BuildStore::configure_and_build(int slot, const fs::path& log, bool& timed_out) {
  const fs::path source = slot_folder(slot) / "source";
  const fs::path build = build_folder(slot);
  fs::create_directories(build);
  std::vector<Process> steps;
  std::vector<std::pair<std::string, std::string>> environment;
  if (has_ccache_) {
    environment = {
        {"CMAKE_CXX_COMPILER_LAUNCHER", "ccache"},
        {"CMAKE_CUDA_COMPILER_LAUNCHER", "ccache"},
        {"CCACHE_BASEDIR", source.string()},
        {"CCACHE_NOHASHDIR", "1"},
        {"CCACHE_SLOPPINESS", "pch_defines,time_macros,include_file_mtime,include_file_ctime"}};
  }
  if (!plan_.command.empty()) {
    fs::remove_all(build / "bin");  // programs that this commit may have no more
    steps = {{.argv = {"sh", "-c", plan_.command},
              .cwd = source,
              .environment = {{"ASSAY_BUILD_DIR", build.string()}}}};
  } else {
    std::vector<std::string> configure = {"cmake", "--preset", plan_.preset, "-B", build.string()};
    if (plan_.preset.starts_with("cuda")) {
      // Names that nvcc makes from a file's text are in its PTX too. Compressed, they could not be
      // left out of account, and a renamed local would be other machine code. A flag of the command
      // line, as ccache knows nothing of nvcc's environment.
      configure.push_back(fmt::format("-DCMAKE_CUDA_FLAGS={} -no-compress", variable("CUDAFLAGS")));
    }
    configure.insert(configure.end(), plan_.cmake_arguments.begin(), plan_.cmake_arguments.end());
    // Flags of another bisection in the same folder must not stay in force.
    const std::string asked = fmt::format("{}", fmt::join(configure, "\n"));
    const fs::path asked_file = slot_folder(slot) / "configured";
    std::error_code none;
    if (!fs::exists(asked_file, none) || reports::read_file(asked_file) != asked) {
      fs::remove_all(build);
      reports::write_whole_file(asked_file, asked);
    }
    steps = {{.argv = configure, .cwd = source, .environment = environment},
             {.argv = {"cmake", "--build", build.string(), "--parallel", std::to_string(plan_.jobs),
                       "--target", plan_.target},
              .cwd = source,
              .environment = environment}};
  }
  for (Process& step : steps) {
    step.environment.push_back(work_.mark());
    step.timeout_s = plan_.timeout_s;
    step.log = log;
    const ProcessResult result = run_process(step);
    timed_out = result.timed_out;
    if (timed_out) return fmt::format("not built within {:g} s", plan_.timeout_s);
    if (!result.ok()) {
      const std::string error = error_in(reports::read_file(log));
      return error.empty() ? fmt::format("exit code {}", result.exit_code) : error;
    }
  }
  return "";
}

void BuildStore::provide_data(const Build& build, const std::string& commit) {
  WorkingCopy(repository_, slot_folder(build.slot) / "source").checkout(commit, data_paths());
}

std::vector<double> BuildStore::build_times() const {
  std::vector<std::pair<fs::file_time_type, double>> times;
  if (fs::exists(work_.path() / "builds")) {
    for (const auto& entry : fs::directory_iterator(work_.path() / "builds")) {
      const fs::path file = entry.path() / "build.json";
      if (!fs::exists(file)) continue;
      const json known = json::parse(reports::read_file(file), nullptr, false);
      if (!known.is_discarded() && known.value("ok", false))
        times.emplace_back(fs::last_write_time(file), known.at("wall_s"));
    }
  }
  std::ranges::sort(times);
  std::vector<double> seconds;
  for (const auto& [when, wall_s] : times) seconds.push_back(wall_s);
  return seconds;
}

}  // namespace assay::bisect
