#include "reference/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/device/error.h"
#include "reference/files.h"

namespace assay::reference {
namespace {

namespace fs = std::filesystem;

class Safetensors : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("assay_safetensors_" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ / "x.safetensors";
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string file_of(const std::string& header, const std::string& data) {
    const std::uint64_t length = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header + data;
  }
  void expect_refused(const std::string& bytes, const std::string& reason) {
    write_file(path_, bytes);
    try {
      read_safetensors(path_);
      FAIL() << "was read in spite of: " << reason;
    } catch (const InputError& e) {
      EXPECT_NE(std::string(e.what()).find(reason), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(path_.string()), std::string::npos) << e.what();
    }
  }

  fs::path folder_;
  fs::path path_;
};

TEST_F(Safetensors, RoundTrip) {
  TensorMap out;
  for (const at::ScalarType dtype :
       {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kInt, at::kByte}) {
    out[c10::toString(dtype)] = at::arange(6).view({2, 3}).to(dtype);
  }
  out["strided"] = at::arange(6).to(at::kFloat).view({2, 3}).t();
  out["scalar"] = at::ones({}, at::kFloat);
  out["empty"] = at::ones({0, 4}, at::kFloat);
  write_safetensors(path_, out);
  const TensorMap in = read_safetensors(path_);
  ASSERT_EQ(in.size(), out.size());
  for (const auto& [name, tensor] : out) {
    EXPECT_EQ(in.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(in.at(name), tensor)) << name;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1)
      << "a temporary file was left behind";
}

TEST_F(Safetensors, RefusesAMissingFile) {
  EXPECT_THROW(read_safetensors(folder_ / "absent.safetensors"), InputError);
}

TEST_F(Safetensors, RefusesAFileCutShort) {
  write_safetensors(path_, {{"x", at::ones({4})}});
  const std::string whole = read_file(path_);
  expect_refused(whole.substr(0, 5), "too short");
  expect_refused(whole.substr(0, 40), "past the end");
  expect_refused(whole.substr(0, whole.size() - 1), "do not lie within");
}

TEST_F(Safetensors, RefusesAnInconsistentHeader) {
  expect_refused(file_of("[1]", ""), "not a JSON object");
  expect_refused(file_of("{oops", ""), "not a JSON object");
  expect_refused(file_of(R"({"x":{"dtype":"F32","shape":[2]}})", "12345678"), "malformed");
  expect_refused(file_of(R"({"x":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}})", "12345678"),
                 "F8");
  expect_refused(file_of(R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", "12345678"),
                 "needs 12 bytes, has 8");
  expect_refused(file_of(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", "12345678"),
                 "do not lie within");
}

TEST_F(Safetensors, UnwritablePathLeavesNothing) {
  EXPECT_THROW(write_safetensors(folder_ / "none" / "x.safetensors", {}), InputError);
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace assay::reference
