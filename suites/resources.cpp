#include "suites/resources.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/device/error.h"
#include "suites/occupancy.h"

namespace assay::suites {
namespace {

using nlohmann::json;

constexpr std::string_view NVCC_ANONYMOUS = "_GLOBAL__N_";
constexpr std::string_view ANONYMOUS = "(anonymous namespace)";

bool is_identifier(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// A member of an object of the table; `place` is where it is, for messages.
template <class T>
T member(const json& object, const char* key, const std::string& place) {
  const auto found = object.find(key);
  if (found == object.end()) throw InputError(fmt::format("{}: '{}' is missing", place, key));
  try {
    return found->template get<T>();
  } catch (const json::exception&) {
    throw InputError(fmt::format("{}: '{}' is {}", place, key, found->dump()));
  }
}

int count(const json& kernel, const char* key, const std::string& place) {
  const auto value = member<std::int64_t>(kernel, key, place);
  if (value < 0 || value > (1 << 30))
    throw InputError(fmt::format("{}: '{}' is {}", place, key, value));
  return static_cast<int>(value);
}

bool operator!=(const KernelResources& a, const KernelResources& b) {
  return a.registers != b.registers || a.spill_bytes != b.spill_bytes ||
         a.shared_bytes != b.shared_bytes || a.barriers != b.barriers;
}

void require_same_build(const LaunchedKernel& kernel, const KernelResources& r,
                        const ResourceTable& table) {
  const auto shared = static_cast<std::int64_t>(kernel.loaded->shared_bytes);
  if (kernel.loaded->registers == r.registers && shared == r.shared_bytes) return;
  throw Error(fmt::format(
      "kernel {} takes {} registers and {} bytes of shared memory on this GPU, and {} and {} in "
      "{}: the table is of another build; make it anew (cmake --build build/cuda --target "
      "kernel_resources)",
      kernel.name, kernel.loaded->registers, shared, r.registers, r.shared_bytes, table.file()));
}

}  // namespace

std::string function_name(const std::string& mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> demangled(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0) return mangled;
  std::string name = demangled.get();
  for (std::size_t at = 0; (at = name.find(NVCC_ANONYMOUS, at)) != std::string::npos;) {
    std::size_t end = at;
    while (end < name.size() && is_identifier(name[end])) ++end;
    // A namespace, and not the end of some other name.
    const bool whole = (at == 0 || !is_identifier(name[at - 1])) && name.compare(end, 2, "::") == 0;
    if (whole) name.replace(at, end - at, ANONYMOUS);
    at += whole ? ANONYMOUS.size() : end - at;
  }
  return name;
}

ResourceTable ResourceTable::read(const std::string& path, const std::string& arch) {
  std::ifstream file(path);
  if (!file) {
    throw InputError(
        path +
        ": cannot be read; where there is nvcc, `cmake --preset cuda && cmake --build "
        "build/cuda --target kernel_resources` writes build/cuda/kernel_resources.json");
  }
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return parse(text, path, arch);
}

ResourceTable ResourceTable::parse(std::string_view text, const std::string& file,
                                   const std::string& arch) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::parse_error& error) {
    throw InputError(fmt::format("{}: is no JSON: {}", file, error.what()));
  }
  if (!document.is_object() || document.value("kernel_resources", 0) != 1) {
    throw InputError(file + ": is no table of kernel resources of version 1");
  }
  ResourceTable table;
  table.file_ = file;
  table.nvcc_version_ = member<std::string>(document, "nvcc_version", file);
  const auto kernels = member<std::vector<json>>(document, "kernels", file);
  std::set<std::string> archs;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    archs.insert(member<std::string>(kernels[i], "arch", fmt::format("{}: kernels[{}]", file, i)));
  }
  const std::string all = fmt::format("{}", fmt::join(archs, ", "));
  if (archs.empty()) throw InputError(file + ": holds no kernel");
  if (arch.empty() && archs.size() > 1) {
    throw InputError(
        fmt::format("{} is of several architectures ({}): choose one by --arch", file, all));
  }
  table.arch_ = arch.empty() ? *archs.begin() : arch;
  if (archs.count(table.arch_) == 0) {
    throw InputError(fmt::format("{} is of {}, and not of {}", file, all, table.arch_));
  }
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const std::string place = fmt::format("{}: kernels[{}]", file, i);
    if (member<std::string>(kernels[i], "arch", place) != table.arch_) continue;
    Entry entry;
    entry.resources.registers = count(kernels[i], "registers", place);
    entry.resources.spill_bytes = count(kernels[i], "spill_bytes", place);
    entry.resources.shared_bytes = count(kernels[i], "shared_bytes", place);
    entry.resources.barriers = count(kernels[i], "barriers", place);
    const std::string name = function_name(member<std::string>(kernels[i], "name", place));
    const auto [known, is_new] = table.kernels_.emplace(name, entry);
    if (!is_new && known->second.resources != entry.resources) known->second.ambiguous = true;
  }
  return table;
}

const KernelResources& ResourceTable::find(const LaunchedKernel& kernel) const {
  const std::string name = function_name(kernel.function);
  const auto found = kernels_.find(name);
  if (found == kernels_.end()) {
    throw Error(fmt::format(
        "kernel {}: its function, {}, is not among the {} of {} in {}; build that anew (cmake "
        "--build build/cuda --target kernel_resources)",
        kernel.name, name.empty() ? "which has no name (is the program stripped?)" : name,
        kernels_.size(), arch_, file_));
  }
  if (found->second.ambiguous) {
    throw Error(fmt::format(
        "kernel {}: {} has two kernels called {}, which are not alike; rename one of them",
        kernel.name, file_, name));
  }
  return found->second.resources;
}

std::optional<CompiledWork> compiled_work(const std::vector<LaunchedKernel>& launched,
                                          const ResourceTable* table) {
  std::optional<CompiledWork> work;
  std::set<std::string> functions;
  for (const LaunchedKernel& kernel : launched) {
    if (!table && !kernel.loaded) continue;
    if (!work) {
      work.emplace();
      work->spill_bytes = 0;
      if (table) work->arch = table->arch();
      if (table) work->nvcc_version = table->nvcc_version();
    }
    std::optional<KernelResources> compiled;
    if (table) compiled = table->find(kernel);
    if (compiled && kernel.loaded) require_same_build(kernel, *compiled, *table);
    const auto dynamic = static_cast<std::int64_t>(kernel.dynamic_shared_bytes);
    KernelResources of_kernel = compiled.value_or(KernelResources{});
    double occupied = 0.0;
    if (kernel.loaded) {
      of_kernel.registers = kernel.loaded->registers;
      of_kernel.shared_bytes = static_cast<std::int64_t>(kernel.loaded->shared_bytes);
      occupied = kernel.loaded->occupancy;
    } else {
      occupied = occupancy(table->arch(),
                           {of_kernel.registers, static_cast<std::size_t>(of_kernel.shared_bytes),
                            of_kernel.barriers, kernel.block_threads, kernel.dynamic_shared_bytes});
    }
    work->registers = std::max<std::int64_t>(work->registers, of_kernel.registers);
    work->shared_bytes = std::max(work->shared_bytes, of_kernel.shared_bytes + dynamic);
    work->occupancy = std::min(work->occupancy, occupied);
    const bool knows_spills = compiled || kernel.loaded->local_bytes == 0;
    if (!knows_spills) work->spill_bytes.reset();
    if (work->spill_bytes && functions.insert(kernel.function).second) {
      *work->spill_bytes += of_kernel.spill_bytes;
    }
  }
  return work;
}

}  // namespace assay::suites
