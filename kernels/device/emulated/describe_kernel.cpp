// Names of kernel functions, from the symbol table of the running program. Kernels live in
// anonymous namespaces, which dladdr does not see: their symbols are local.
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/device/launch_log.h"

namespace assay {
namespace {

// Where the linker's address 0 of the program came to lie.
std::uintptr_t load_address() {
  std::uintptr_t address = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        *static_cast<std::uintptr_t*>(out) = info->dlpi_addr;
        return 1;  // the first is the program itself
      },
      &address);
  return address;
}

class ProgramFile {
 public:
  ProgramFile() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    file.seekg(0, std::ios::end);
    const auto size = static_cast<std::streamoff>(file.tellg());
    if (size <= 0) refuse();
    bytes_.resize(static_cast<std::size_t>(size));
    file.seekg(0);
    if (!file.read(bytes_.data(), size)) refuse();
  }

  /// A copy, as nothing in the file need be aligned.
  template <class T>
  T at(std::size_t offset) const {
    T value;
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) refuse();
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  std::string_view text_at(std::size_t offset) const {
    if (offset >= bytes_.size()) refuse();
    return {bytes_.data() + offset, strnlen(bytes_.data() + offset, bytes_.size() - offset)};
  }

 private:
  [[noreturn]] static void refuse() {
    throw Error("/proc/self/exe cannot be read as a whole ELF file, so kernels have no names");
  }

  std::vector<char> bytes_;
};

// Every function of the program by its address. Parts split off a function ("f.cold") and clones of
// one ("f.constprop.0") are left out: nobody can launch them.
std::multimap<std::uintptr_t, std::string> read_functions() {
  const ProgramFile file;
  const auto header = file.at<Elf64_Ehdr>(0);
  const auto section = [&](std::size_t index) {
    return file.at<Elf64_Shdr>(header.e_shoff + index * header.e_shentsize);
  };
  const std::uintptr_t base = load_address();
  std::multimap<std::uintptr_t, std::string> functions;
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr table = section(i);
    if (table.sh_type != SHT_SYMTAB) continue;
    const Elf64_Shdr strings = section(table.sh_link);
    for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
      const auto symbol = file.at<Elf64_Sym>(table.sh_offset + at);
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0) continue;
      const std::string_view name = file.text_at(strings.sh_offset + symbol.st_name);
      if (name.find('.') != std::string_view::npos) continue;
      functions.emplace(base + symbol.st_value, name);
    }
  }
  return functions;
}

}  // namespace

void detail::describe_kernel(LaunchedKernel& launched, const void* kernel) {
  static const auto* functions = new std::multimap<std::uintptr_t, std::string>(read_functions());
  const auto [first, last] = functions->equal_range(reinterpret_cast<std::uintptr_t>(kernel));
  // A function with two names is one that the compiler found equal to another (-fipa-icf).
  if (first != last && std::next(first) == last) launched.function = first->second;
}

}  // namespace assay
