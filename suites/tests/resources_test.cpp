// The compiled columns: what ptxas says, which function of it was launched, and what fits on a GPU.
#include "suites/resources.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kernels/device/buffer.h"
#include "kernels/device/error.h"
#include "kernels/device/properties.h"
#include "kernels/rms_norm/rms_norm.h"
#include "suites/occupancy.h"
#include "suites/tests/command.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

// As ptxas of CUDA 13.0 writes it; the second kernel spills, and calls a function.
const char* const PTXAS = R"(ptxas info    : 0 bytes gmem, 24 bytes cmem[4]
ptxas info    : Compiling entry function '_ZN5assay47_GLOBAL__N__a8ccf007_14_v1_two_pass_cu_ab10abce17rms_norm_two_passI6__halfEEvPT_PKS2_S5_if' for 'sm_90a'
ptxas info    : Function properties for _ZN5assay47_GLOBAL__N__a8ccf007_14_v1_two_pass_cu_ab10abce17rms_norm_two_passI6__halfEEvPT_PKS2_S5_if
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 26 registers, used 1 barriers, 132 bytes smem
ptxas info    : Compile time = 12.345 ms
ptxas info    : Compiling entry function '_Z5spillPf' for 'sm_90a'
ptxas info    : Function properties for _Z5spillPf
    96 bytes stack frame, 40 bytes spill stores, 56 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers, 96 bytes cumulative stack size
ptxas info    : Compile time = 1.000 ms
ptxas info    : Function properties for _Z6calleef
    8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads
)";

class Collected : public testing::Test {
 protected:
  Collected() : folder_(fs::path(testing::TempDir()) / "assay-resources-test") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Answer collect(const std::string& report) const {
    std::ofstream(path("a.cu.o.ptxas")) << report;
    return run(std::string("python3 ") + ASSAY_KERNEL_RESOURCES +
               " --nvcc 13.0.88 --flags O2 --out " + path("table.json") + " " + path("a.cu.o"));
  }
  fs::path folder_;
};

LaunchedKernel launched(const std::string& function, int threads = 256, std::size_t dynamic = 0) {
  LaunchedKernel kernel;
  kernel.name = "some.kernel";
  kernel.function = function;
  kernel.block_threads = threads;
  kernel.dynamic_shared_bytes = dynamic;
  return kernel;
}
const std::string TWO_PASS =
    "_ZN5assay12_GLOBAL__N_117rms_norm_two_passI6__halfEEvPT_PKS2_S5_if";  // by g++
const std::string SPILL = "_Z5spillPf";

TEST_F(Collected, ReportsOfPtxasAreFoundByTheOtherCompilersNames) {
  const Answer answer = collect(PTXAS);
  ASSERT_EQ(answer.exit_code, 0) << answer.output;
  const ResourceTable table = ResourceTable::read(path("table.json"), "");
  EXPECT_EQ(table.arch(), "sm_90a");
  EXPECT_EQ(table.nvcc_version(), "13.0.88");
  const KernelResources two_pass = table.find(launched(TWO_PASS));
  EXPECT_EQ(two_pass.registers, 26);
  EXPECT_EQ(two_pass.spill_bytes, 0);
  EXPECT_EQ(two_pass.shared_bytes, 132);
  EXPECT_EQ(two_pass.barriers, 1);
  const KernelResources spill = table.find(launched(SPILL));
  EXPECT_EQ(spill.registers, 32);
  EXPECT_EQ(spill.spill_bytes, 96);
  EXPECT_EQ(spill.shared_bytes, 0);
  EXPECT_THROW(table.find(launched("_Z6calleef")), Error) << "a device function is no kernel";
}

TEST_F(Collected, ReportsThatAreNotUnderstoodAreRefused) {
  const std::string text = PTXAS;
  const Answer cut = collect(text.substr(0, text.find("ptxas info    : Used 32")));
  EXPECT_NE(cut.exit_code, 0);
  EXPECT_NE(cut.output.find("does not say what _Z5spillPf uses"), std::string::npos) << cut.output;
  const Answer advice = collect(text + "ptxas info    : (C7510) Potential Performance Loss\n");
  EXPECT_EQ(advice.exit_code, 0) << advice.output;
  std::string other = text;
  other.replace(other.find("132 bytes smem"), 14, "132 bytes tmem");
  const Answer unknown = collect(other);
  EXPECT_NE(unknown.exit_code, 0);
  EXPECT_NE(unknown.output.find(":5: '132 bytes tmem'"), std::string::npos) << unknown.output;
  EXPECT_NE(collect("").exit_code, 0) << "no kernel";
  fs::remove(path("a.cu.o.ptxas"));
  const Answer none = run(std::string("python3 ") + ASSAY_KERNEL_RESOURCES +
                          " --nvcc 1 --flags '' --out /dev/null " + path("a.cu.o"));
  EXPECT_NE(none.exit_code, 0);
  EXPECT_NE(none.output.find("a.cu.o.ptxas is not there"), std::string::npos) << none.output;
}

TEST_F(Collected, CompilerLauncherKeepsTheReportAndShowsTheRest) {
  const std::string keep = std::string(ASSAY_KEEP_PTXAS_REPORT) + " sh -c ";
  const std::string says =
      "'printf \"ptxas info    : Used 1 registers\\nx.cu: warning: odd\\n\" >&2; ";
  const Answer good = run(keep + says + "exit 0' -o " + path("x.o"));
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_EQ(good.output, "x.cu: warning: odd\n");
  EXPECT_TRUE(fs::exists(path("x.o.ptxas")));
  const Answer bad = run(keep + says + "exit 3' -o " + path("x.o"));
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_FALSE(fs::exists(path("x.o.ptxas"))) << "of the object before";
}

TEST(FunctionName, IsTheSameFromEveryCompiler) {
  const std::string name = function_name(TWO_PASS);
  EXPECT_EQ(name.rfind("void assay::(anonymous namespace)::rms_norm_two_pass<__half>(", 0), 0u)
      << name;
  // nvcc's namespaces are named after the file, and where g++ demangles them it may know or not.
  EXPECT_EQ(function_name("_ZN5assay47_GLOBAL__N__a8ccf007_14_v1_two_pass_cu_ab10abce"
                          "17rms_norm_two_passI6__halfEEvPT_PKS2_S5_if"),
            name);
  EXPECT_NE(function_name("_ZN5assay47_GLOBAL__N__a8ccf007_14_v1_two_pass_cu_ab10abce"
                          "17rms_norm_two_passIfEEvPT_PKS1_S4_if"),
            name);
  EXPECT_EQ(function_name("kernel"), "kernel") << "extern \"C\"";
  EXPECT_EQ(function_name(""), "");
}

const std::string HEAD = R"({"kernel_resources": 1, "nvcc_version": "13.0.88", "build_flags": "")";
std::string kernel_json(const std::string& name, const std::string& arch, int registers) {
  return R"({"name": ")" + name + R"(", "arch": ")" + arch + R"(", "registers": )" +
         std::to_string(registers) + R"(, "spill_bytes": 8, "shared_bytes": 1024, "barriers": 1})";
}
ResourceTable table_of(const std::string& kernels, const std::string& arch = "") {
  return ResourceTable::parse(HEAD + ", \"kernels\": [" + kernels + "]}", "table.json", arch);
}
std::string refusal(const std::string& text, const std::string& arch = "") {
  try {
    ResourceTable::parse(text, "table.json", arch);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ResourceTable, RefusesWhatItIsNot) {
  EXPECT_NE(refusal("{").find("no JSON"), std::string::npos);
  EXPECT_NE(refusal("[]").find("version 1"), std::string::npos);
  EXPECT_NE(refusal(HEAD + "}").find("'kernels' is missing"), std::string::npos);
  EXPECT_NE(refusal(HEAD + R"(, "kernels": []})").find("no kernel"), std::string::npos);
  EXPECT_NE(refusal(HEAD + R"(, "kernels": [{"arch": "sm_90"}]})")
                .find("table.json: kernels[0]: 'registers' is missing"),
            std::string::npos);
  EXPECT_THROW(ResourceTable::read("/no/such/table.json", ""), InputError);
}

TEST(ResourceTable, WantsOneArchitecture) {
  const std::string two = kernel_json(SPILL, "sm_90a", 32) + "," + kernel_json(SPILL, "sm_100", 40);
  EXPECT_THROW(table_of(two), InputError);
  EXPECT_EQ(table_of(two, "sm_100").find(launched(SPILL)).registers, 40);
  EXPECT_EQ(table_of(two, "sm_90a").find(launched(SPILL)).registers, 32);
  EXPECT_THROW(table_of(two, "sm_80"), InputError);
}

TEST(ResourceTable, RefusesTwoKernelsOfOneName) {
  const std::string a = "_ZN13_GLOBAL__N__a1kEv";
  const std::string b = "_ZN13_GLOBAL__N__b1kEv";
  EXPECT_EQ(function_name(a), function_name(b));
  EXPECT_EQ(table_of(kernel_json(a, "sm_90", 8) + "," + kernel_json(b, "sm_90", 8))
                .find(launched(a))
                .registers,
            8);
  const ResourceTable differ =
      table_of(kernel_json(a, "sm_90", 8) + "," + kernel_json(b, "sm_90", 9));
  EXPECT_THROW(differ.find(launched(a)), Error);
}

TEST(CompiledWork, IsOfAllKernelsTogether) {
  const ResourceTable table =
      table_of(kernel_json(SPILL, "sm_90", 32) + "," + kernel_json("_Z1gv", "sm_90", 64));
  EXPECT_FALSE(compiled_work({}, &table)) << "a library's work has no columns";
  EXPECT_FALSE(compiled_work({launched(SPILL)}, nullptr));
  const auto work = compiled_work(
      {launched(SPILL, 256), launched("_Z1gv", 256), launched(SPILL, 64, 2048)}, &table);
  ASSERT_TRUE(work);
  EXPECT_EQ(work->registers, 64);
  EXPECT_EQ(work->spill_bytes, 16) << "8 of each function, launched how often so ever";
  EXPECT_EQ(work->shared_bytes, 1024 + 2048);
  EXPECT_DOUBLE_EQ(work->occupancy, 0.5);
  EXPECT_EQ(work->arch, "sm_90");
  EXPECT_THROW(compiled_work({launched(SPILL), launched("_Z7unknownv")}, &table), Error);
}

TEST(CompiledWork, OnAGpuIsWhatItsDriverSays) {
  LaunchedKernel kernel = launched(SPILL);
  kernel.loaded = LoadedKernel{32, 0, 1024, 8, 0.75};
  const auto alone = compiled_work({kernel}, nullptr);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->registers, 32);
  EXPECT_EQ(alone->spill_bytes, 0) << "without local memory nothing is spilled";
  EXPECT_DOUBLE_EQ(alone->occupancy, 0.75);
  kernel.loaded->local_bytes = 16;
  EXPECT_FALSE(compiled_work({kernel}, nullptr)->spill_bytes) << "an array, or a spill";
  const ResourceTable table = table_of(kernel_json(SPILL, "sm_90", 32));
  EXPECT_EQ(compiled_work({kernel}, &table)->spill_bytes, 8);
  const ResourceTable other = table_of(kernel_json(SPILL, "sm_90", 33));
  EXPECT_THROW(compiled_work({kernel}, &other), Error) << "a table of another build";
}

// By hand, from the limits of the programming guide: registers are given to warps by 256, in four
// parts of 16384; each block takes 1 KiB of shared memory besides.
TEST(Occupancy, IsThatOfTheProgrammingGuide) {
  EXPECT_DOUBLE_EQ(occupancy("sm_90", {32, 0, 1, 1024, 0}), 1.0);           // 2 blocks
  EXPECT_DOUBLE_EQ(occupancy("sm_90a", {64, 0, 1, 256, 0}), 0.5);           // 4 blocks of 8 warps
  EXPECT_DOUBLE_EQ(occupancy("sm_90", {255, 0, 1, 256, 0}), 8.0 / 64);      // 1 block
  EXPECT_DOUBLE_EQ(occupancy("sm_90", {80, 16384, 1, 128, 0}), 24.0 / 64);  // 6 warps a part
  EXPECT_DOUBLE_EQ(occupancy("sm_90", {32, 0, 1, 128, 100 << 10}), 8.0 / 64);  // 2 blocks of 4
  EXPECT_DOUBLE_EQ(occupancy("sm_90", {32, 0, 1, 32, 0}), 0.5);  // 32 blocks are the most
  EXPECT_DOUBLE_EQ(occupancy("sm_90", {32, 0, 1, 48, 0}), 1.0);  // 32 blocks of 2 warps
  EXPECT_DOUBLE_EQ(occupancy("sm_80", {32, 0, 1, 128, 100 << 10}), 4.0 / 64);
  EXPECT_DOUBLE_EQ(occupancy("sm_89", {32, 0, 1, 1024, 0}), 32.0 / 48);
  EXPECT_DOUBLE_EQ(occupancy("sm_86", {40, 0, 1, 256, 0}), 1.0);  // 6 blocks
  EXPECT_DOUBLE_EQ(occupancy("sm_90", {32, 0, 1, 128, 228 << 10}), 0.0) << "does not fit";
  EXPECT_THROW(occupancy("sm_35", {32, 0, 1, 128, 0}), InputError);
}

// Launches a kernel of the library, and asks the driver and the table of this build about it.
TEST(Resources, OfTheTableAndOfTheDriverAgree) {
  const Properties& device = properties();
  if (device.kind != DeviceKind::kCuda) GTEST_SKIP() << "needs a GPU's driver";
  const Stream stream;
  const DeviceBuffer<float> x(std::vector<float>(2 * 128, 1.0f), stream, "x");
  const DeviceBuffer<float> weight(std::vector<float>(128, 1.0f), stream, "weight");
  DeviceBuffer<float> y(x.size(), "y");
  const LaunchLog log;
  for (const auto& version : rms_norm_op().versions) {
    const RmsNormArgs args{y.data(), x.data(), weight.data(), 2, 128, 1e-5f, DType::kF32};
    version.launch(args, stream);
  }
  stream.synchronize();
  const auto kernels = log.kernels();
  ASSERT_FALSE(kernels.empty());
  const std::string arch = "sm_" + std::to_string(device.compute_capability);
  for (const LaunchedKernel& kernel : kernels) {
    ASSERT_TRUE(kernel.loaded);
    const LoadedKernel& l = *kernel.loaded;
    EXPECT_DOUBLE_EQ(occupancy(arch, {l.registers, l.shared_bytes, 1, kernel.block_threads,
                                      kernel.dynamic_shared_bytes}),
                     l.occupancy)
        << kernel.name;
  }
  if (!fs::exists(ASSAY_KERNEL_TABLE)) GTEST_SKIP() << ASSAY_KERNEL_TABLE << " was not built";
  const ResourceTable table = ResourceTable::read(ASSAY_KERNEL_TABLE, "");
  const auto work = compiled_work(kernels, &table);  // throws where they disagree
  ASSERT_TRUE(work);
  EXPECT_EQ(work->spill_bytes, 0);
}

}  // namespace
}  // namespace assay::suites
