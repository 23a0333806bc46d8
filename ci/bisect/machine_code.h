// What a build's programs do, as hashes: of the machine code in every object file that is linked.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace assay::bisect {

/// The object files of a build, by their path in it.
struct ObjectCode {
  std::string hash;                    ///< Of all that is loaded when the program runs.
  std::vector<std::string> defined;    ///< Names of its global symbols.
  std::vector<std::string> undefined;  ///< Names that it takes from others.
};
using MachineCode = std::map<std::string, ObjectCode>;

/// What is read as the same wherever it stands, so that it does not tell builds apart: the commit
/// that a program says it is of, and the folder that it was built in. Replaced by zeros.
using Neutral = std::vector<std::string>;

/// The hash is of the sections that are loaded (code, data, unwinding; no debug information, no
/// comments), with their relocations by symbol name, and of the names that the object defines.
/// Device code lies in one of them, as nvcc made it; nvcc's names for what is local to a file,
/// which depend on its path and comments, count as the same. That needs device code that is not
/// compressed (nvcc --no-compress, as BuildStore asks for). So an equal hash means the same code;
/// another one may also mean the same. InputError where the file is no 64-bit ELF object.
ObjectCode read_object(const std::filesystem::path& object, const Neutral& neutral);

/// All object files that ninja links into `program`, a path relative to `build_folder`. Empty where
/// that cannot be told.
MachineCode read_machine_code(const std::filesystem::path& build_folder, const std::string& program,
                              const Neutral& neutral);

/// One hash of all that a case of `op` can reach: every object but those of other ops' kernels that
/// this op does not refer to, and but mutants. "" as the op, or one that has no folder of its own
/// in kernels/, takes all kernels in.
std::string code_of_op(const MachineCode& code, const std::string& op);

}  // namespace assay::bisect
