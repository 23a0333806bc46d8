#include "ci/bisect/machine_code.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <sstream>

#include "ci/bisect/process.h"
#include "kernels/device/error.h"
#include "reports/append_file.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;

// FNV-1a twice over, with two offsets: 128 bits, for equality only.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const unsigned char c : bytes) {
      a_ = (a_ ^ c) * PRIME;
      b_ = (b_ ^ c) * PRIME;
      b_ ^= b_ >> 29;
    }
    add_number(bytes.size());
  }
  void add_number(std::uint64_t value) {
    for (int i = 0; i < 8; ++i, value >>= 8) {
      a_ = (a_ ^ (value & 255)) * PRIME;
      b_ = (b_ ^ (value & 255)) * PRIME;
      b_ ^= b_ >> 31;
    }
  }
  std::string text() const { return fmt::format("{:016x}{:016x}", a_, b_); }

 private:
  static constexpr std::uint64_t PRIME = 0x100000001b3;
  std::uint64_t a_ = 0xcbf29ce484222325;
  std::uint64_t b_ = 0x84222325cbf29ce4;
};

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// nvcc names what is local to a file _GLOBAL__N__<hash of its path and
// text>_<length>_<file>_<hash>.
void forget_module_names(std::string& bytes) {
  constexpr std::string_view MARK = "_GLOBAL__N__";
  constexpr std::size_t DIGITS = 8;
  const auto zero = [&](std::size_t at) {
    if (at + DIGITS > bytes.size()) return;
    if (std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    bytes.begin() + static_cast<std::ptrdiff_t>(at + DIGITS), is_hex))
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), DIGITS, '0');
  };
  for (std::size_t at = 0; (at = bytes.find(MARK, at)) != std::string::npos;) {
    at += MARK.size();
    zero(at);
    const std::size_t end = bytes.find("_cu_", at);
    if (end != std::string::npos && end - at < 256) zero(end + 4);
  }
}

std::string neutralised(std::string_view bytes, const Neutral& neutral) {
  std::string copy(bytes);
  for (const std::string& text : neutral) {
    if (text.empty()) continue;
    for (std::size_t at = 0; (at = copy.find(text, at)) != std::string::npos; at += text.size())
      std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(at), text.size(), '0');
  }
  forget_module_names(copy);
  return copy;
}

class Elf {
 public:
  Elf(std::string bytes, std::string name) : bytes_(std::move(bytes)), name_(std::move(name)) {
    header_ = at<Elf64_Ehdr>(0);
    if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0 ||
        header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_shentsize != sizeof(Elf64_Shdr))
      throw InputError(name_ + ": is no 64-bit ELF file");
    for (std::size_t i = 0; i < header_.e_shnum; ++i)
      sections_.push_back(at<Elf64_Shdr>(header_.e_shoff + i * sizeof(Elf64_Shdr)));
    for (std::size_t i = 0; i < sections_.size(); ++i)
      if (sections_[i].sh_type == SHT_SYMTAB) symbols_ = i;
  }

  std::size_t size() const { return sections_.size(); }
  const Elf64_Shdr& section(std::size_t i) const { return sections_[i]; }
  std::string section_name(std::size_t i) const {
    return string(header_.e_shstrndx, sections_[i].sh_name);
  }
  std::string_view content(std::size_t i) const {
    const Elf64_Shdr& s = sections_[i];
    if (s.sh_type == SHT_NOBITS) return {};
    if (s.sh_offset + s.sh_size > bytes_.size()) throw InputError(name_ + ": is cut short");
    return std::string_view(bytes_).substr(s.sh_offset, s.sh_size);
  }
  template <class Entry>
  std::vector<Entry> entries(std::size_t i) const {
    std::vector<Entry> all;
    for (std::size_t n = sections_[i].sh_size / sizeof(Entry), e = 0; e < n; ++e)
      all.push_back(at<Entry>(sections_[i].sh_offset + e * sizeof(Entry)));
    return all;
  }
  std::vector<Elf64_Sym> symbols() const {
    return symbols_ == 0 ? std::vector<Elf64_Sym>() : entries<Elf64_Sym>(symbols_);
  }
  std::string symbol_name(const Elf64_Sym& symbol) const {
    if (ELF64_ST_TYPE(symbol.st_info) == STT_SECTION && symbol.st_shndx < sections_.size())
      return section_name(symbol.st_shndx);
    return string(sections_[symbols_].sh_link, symbol.st_name);
  }

 private:
  template <class T>
  T at(std::size_t offset) const {
    T value;
    if (offset + sizeof(T) > bytes_.size()) throw InputError(name_ + ": is cut short");
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  std::string string(std::size_t table, std::size_t offset) const {
    const std::string_view all = content(table);
    if (offset >= all.size()) return "";
    return std::string(all.substr(offset, all.find('\0', offset) - offset));
  }

  std::string bytes_;
  std::string name_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Shdr> sections_;
  std::size_t symbols_ = 0;
};

// Loaded sections and their relocations, and the names of what they define.
std::string hash_of(const Elf& elf, const Neutral& neutral) {
  const std::vector<Elf64_Sym> symbols = elf.symbols();
  const auto counts = [&](std::size_t i) {
    // Notes hold the build id, and properties.
    return (elf.section(i).sh_flags & SHF_ALLOC) && !elf.section_name(i).starts_with(".note");
  };
  std::vector<std::string> parts;
  for (std::size_t i = 1; i < elf.size(); ++i) {
    const Elf64_Shdr& section = elf.section(i);
    const bool relocations = section.sh_type == SHT_RELA && section.sh_info < elf.size();
    if (relocations ? !counts(section.sh_info) : !counts(i)) continue;
    Hash hash;
    hash.add(neutralised(elf.section_name(i), neutral));
    if (relocations) {
      for (const Elf64_Rela& entry : elf.entries<Elf64_Rela>(i)) {
        hash.add_number(entry.r_offset);
        hash.add_number(ELF64_R_TYPE(entry.r_info));
        hash.add_number(static_cast<std::uint64_t>(entry.r_addend));
        const std::size_t symbol = ELF64_R_SYM(entry.r_info);
        if (symbol >= symbols.size()) continue;
        hash.add(neutralised(elf.symbol_name(symbols[symbol]), neutral));
        // A symbol that is local to the file is the place that it stands for.
        if (ELF64_ST_BIND(symbols[symbol].st_info) == STB_LOCAL) {
          hash.add_number(symbols[symbol].st_value);
          if (symbols[symbol].st_shndx < elf.size())
            hash.add(neutralised(elf.section_name(symbols[symbol].st_shndx), neutral));
        }
      }
    } else {
      hash.add_number(section.sh_type);
      hash.add_number(section.sh_flags);
      hash.add_number(section.sh_size);
      hash.add(neutralised(elf.content(i), neutral));
    }
    parts.push_back(hash.text());
  }
  // What the object defines: the same bytes under another name are another program.
  for (const Elf64_Sym& symbol : symbols) {
    if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL || symbol.st_shndx == SHN_UNDEF) continue;
    Hash hash;
    hash.add(neutralised(elf.symbol_name(symbol), neutral));
    hash.add_number(symbol.st_value);
    hash.add_number(symbol.st_size);
    hash.add_number(symbol.st_info);
    if (symbol.st_shndx < elf.size())
      hash.add(neutralised(elf.section_name(symbol.st_shndx), neutral));
    parts.push_back(hash.text());
  }
  std::ranges::sort(parts);
  Hash all;
  for (const std::string& part : parts) all.add(part);
  return all.text();
}

// "rms_norm" of ".../assay_kernels.dir/rms_norm/v1_two_pass.cu.o"; "" of what belongs to no op.
std::string op_of(const std::string& object) {
  constexpr std::string_view LIBRARY = "assay_kernels.dir/";
  const std::size_t at = object.find(LIBRARY);
  if (at == std::string::npos) return "";
  const std::string rest = object.substr(at + LIBRARY.size());
  const std::size_t slash = rest.find('/');
  return slash == std::string::npos ? "" : rest.substr(0, slash);
}

bool is_mutant(const std::string& object) {
  return object.find("assay_mutants.dir/") != std::string::npos;
}

// The op, and those that its kernels call.
std::set<std::string> ops_reached(const MachineCode& code, const std::string& op) {
  std::map<std::string, std::string> defined_in;
  for (const auto& [object, of_object] : code)
    if (const std::string owner = op_of(object); !owner.empty())
      for (const std::string& name : of_object.defined) defined_in[name] = owner;
  std::set<std::string> reached;
  std::vector<std::string> open = {op};
  while (!open.empty()) {
    const std::string next = open.back();
    open.pop_back();
    if (!reached.insert(next).second) continue;
    for (const auto& [object, of_object] : code) {
      if (op_of(object) != next) continue;
      for (const std::string& name : of_object.undefined)
        if (const auto found = defined_in.find(name); found != defined_in.end())
          open.push_back(found->second);
    }
  }
  return reached;
}

}  // namespace

ObjectCode read_object(const fs::path& object, const Neutral& neutral) {
  const Elf elf(reports::read_file(object), object.string());
  ObjectCode code;
  code.hash = hash_of(elf, neutral);
  for (const Elf64_Sym& symbol : elf.symbols()) {
    if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
    // Weak ones (inline functions, templates) are in every object that uses them.
    const bool strong = ELF64_ST_BIND(symbol.st_info) == STB_GLOBAL;
    if (symbol.st_shndx == SHN_UNDEF) {
      code.undefined.push_back(elf.symbol_name(symbol));
    } else if (strong) {
      code.defined.push_back(elf.symbol_name(symbol));
    }
  }
  return code;
}

MachineCode read_machine_code(const fs::path& build_folder, const std::string& program,
                              const Neutral& neutral) {
  const ProcessResult inputs =
      run_process({.argv = {"ninja", "-C", build_folder.string(), "-t", "inputs", program}});
  MachineCode code;
  if (!inputs.ok()) return code;
  std::istringstream lines(inputs.out);
  for (std::string line; std::getline(lines, line);) {
    if (!line.ends_with(".o")) continue;
    code[line] = read_object(build_folder / line, neutral);
  }
  return code;
}

std::string code_of_op(const MachineCode& code, const std::string& op) {
  const bool known = !op.empty() && std::ranges::any_of(code, [&](const auto& entry) {
    return op_of(entry.first) == op;
  });
  const std::set<std::string> reached = known ? ops_reached(code, op) : std::set<std::string>();
  Hash hash;
  bool any = false;
  for (const auto& [object, of_object] : code) {
    const std::string owner = op_of(object);
    if (is_mutant(object) || (known && !owner.empty() && !reached.contains(owner))) continue;
    hash.add(object);
    hash.add(of_object.hash);
    any = true;
  }
  return any ? hash.text() : "";
}

}  // namespace assay::bisect
