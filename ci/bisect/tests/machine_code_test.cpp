// Which changes of a source are changes of the machine code, on objects made by this machine's
// compilers.
#include "ci/bisect/machine_code.h"

#include <gtest/gtest.h>

#include <fstream>

#include "ci/bisect/process.h"
#include "engine/tests/temporary_folder.h"
#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using assay::testing::TemporaryFolder;

const char* const SOURCE =
    "static int helper(int x) { return x * 3; }\n"
    "extern int other(const char*);\n"
    "int entry(int x) { return helper(x) + other(\"of commit 0123456789\"); }\n";

std::string replaced(std::string text, const std::string& old, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += by.size())
    text.replace(at, old.size(), by);
  return text;
}

bool has_program(const char* name) {
  try {
    return run_process({.argv = {name, "--version"}}).ok();
  } catch (const InputError&) {
    return false;
  }
}

class Compiled {
 public:
  std::string hash(const std::string& source, const std::string& below = "a",
                   const Neutral& neutral = {}) const {
    return read_object(compile(source, below, "x.cpp", {"c++", "-O2", "-g"}), neutral).hash;
  }
  std::string cuda_hash(const std::string& source, const std::string& below) const {
    return read_object(compile(source, below, "x.cu",
                               {"nvcc", "--no-compress", "-arch=sm_90", "-O2", "-g"}),
                       {})
        .hash;
  }
  fs::path compile(const std::string& source, const std::string& below, const std::string& name,
                   std::vector<std::string> argv) const {
    const fs::path place = folder_.path() / below;
    fs::create_directories(place);
    std::ofstream(place / name) << source;
    argv.insert(argv.end(), {"-c", (place / name).string(), "-o", (place / "x.o").string()});
    const ProcessResult result = run_process({.argv = argv});
    EXPECT_TRUE(result.ok()) << result.err;
    return place / "x.o";
  }

 private:
  TemporaryFolder folder_;
};

TEST(machine_code, comments_names_and_places_do_not_count) {
  const Compiled compiled;
  const std::string hash = compiled.hash(SOURCE);
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(compiled.hash("// more\n\n" + std::string(SOURCE)), hash);
  EXPECT_EQ(compiled.hash(replaced(SOURCE, "int x", "int /* why */ x")), hash);
  EXPECT_EQ(compiled.hash(SOURCE, "another/place"), hash);
}

TEST(machine_code, code_constants_and_calls_do) {
  const Compiled compiled;
  const std::string hash = compiled.hash(SOURCE);
  EXPECT_NE(compiled.hash(replaced(SOURCE, "* 3", "* 5")), hash);
  EXPECT_NE(compiled.hash(replaced(SOURCE, "0123456789", "0123456788")), hash);
  EXPECT_NE(compiled.hash(replaced(SOURCE, "other", "third")), hash);
  EXPECT_NE(compiled.hash(replaced(SOURCE, "entry", "begin")), hash);
}

TEST(machine_code, the_commit_that_a_program_says_it_is_of_does_not) {
  const Compiled compiled;
  EXPECT_EQ(compiled.hash(SOURCE, "a", {"0123456789"}),
            compiled.hash(replaced(SOURCE, "0123456789", "abcdefabcd"), "a", {"abcdefabcd"}));
}

TEST(machine_code, what_is_no_object_is_refused) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "x.o")
      << "text, and more of it than an ELF header has: " << std::string(100, '-');
  EXPECT_THROW(read_object(folder.path() / "x.o", {}), InputError);
}

TEST(machine_code, device_code_is_read_without_its_file_s_path) {
  if (!has_program("nvcc")) GTEST_SKIP() << "needs nvcc";
  const std::string source =
      "namespace { __global__ void k(float* x, int n) { int i = threadIdx.x; if (i < n) x[i] *= 2; "
      "} }\nvoid go(float* x, int n) { k<<<1, 256>>>(x, n); }\n";
  const Compiled compiled;
  const std::string hash = compiled.cuda_hash(source, "a");
  EXPECT_EQ(compiled.cuda_hash(replaced("// more\n" + source, "i <", "  i  <"), "another/place"),
            hash);
  EXPECT_NE(compiled.cuda_hash(replaced(source, "*= 2", "*= 3"), "a"), hash);
  EXPECT_NE(compiled.cuda_hash(replaced(source, "1, 256", "1, 128"), "a"), hash);
}

TEST(machine_code, a_case_reaches_its_op_and_what_that_calls) {
  const auto object = [](const char* hash, std::vector<std::string> defined = {},
                         std::vector<std::string> undefined = {}) {
    return ObjectCode{hash, std::move(defined), std::move(undefined)};
  };
  const std::string ops = "kernels/CMakeFiles/assay_kernels.dir/";
  const MachineCode base = {{ops + "a/v1.cu.o", object("1", {"a"}, {"b"})},
                            {ops + "b/v1.cu.o", object("2", {"b"})},
                            {ops + "c/v1.cu.o", object("3", {"c"})},
                            {ops + "op.cpp.o", object("4", {}, {"a", "b", "c"})},
                            {"suites/CMakeFiles/assay_mutants.dir/a/x.o", object("5")},
                            {"suites/CMakeFiles/verify.dir/verify.cpp.o", object("6")}};
  const auto changes = [&](const std::string& path, const std::string& op) {
    MachineCode changed = base;
    changed.at(path).hash = "another";
    return code_of_op(changed, op) != code_of_op(base, op);
  };
  EXPECT_TRUE(changes(ops + "a/v1.cu.o", "a"));
  EXPECT_TRUE(changes(ops + "b/v1.cu.o", "a"));
  EXPECT_FALSE(changes(ops + "c/v1.cu.o", "a"));
  EXPECT_FALSE(changes(ops + "a/v1.cu.o", "b"));
  EXPECT_TRUE(changes(ops + "op.cpp.o", "b"));
  EXPECT_TRUE(changes("suites/CMakeFiles/verify.dir/verify.cpp.o", "c"));
  EXPECT_FALSE(changes("suites/CMakeFiles/assay_mutants.dir/a/x.o", "a"));
  EXPECT_TRUE(changes(ops + "c/v1.cu.o", "generation"));  // no op: all of them
  EXPECT_EQ(code_of_op({}, "a"), "");
}

}  // namespace
}  // namespace assay::bisect
