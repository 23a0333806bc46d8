#include "engine/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <nlohmann/json.hpp>

#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(OutputFile, AppearsOnlyWhenComplete) {
  const testing::TemporaryFolder folder;
  testing::write_file(folder / "out", "old");
  {
    OutputFile out(folder / "out");
    out.write("new ");
    out.write("text");
    EXPECT_EQ(read_text_file(folder / "out"), "old");
    out.commit();
  }
  EXPECT_EQ(read_text_file(folder / "out"), "new text");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(OutputFile, LeavesNothingBehindWithoutCommit) {
  const testing::TemporaryFolder folder;
  {
    OutputFile out(folder / "out");
    out.write("half");
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
  EXPECT_EQ(files_in(folder.path()), 0U);
}

TEST(OutputFile, LeavesNothingBehindWhenKilled) {
  const testing::TemporaryFolder folder;
  const int nameless = ::open(folder.path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
  if (nameless < 0) GTEST_SKIP() << "the file system here has no files without a name";
  ::close(nameless);
  testing::write_file(folder / "out", "old");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    OutputFile out(folder / "out");
    out.write("half");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_text_file(folder / "out"), "old");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(OutputFile, UnwritableIsAnInputError) {
  const testing::TemporaryFolder folder;
  EXPECT_INPUT_ERROR(OutputFile(folder / "none/out"), "none/out", "cannot be written");
  EXPECT_INPUT_ERROR(OutputFile(folder.path()), folder.path().string(), "found a folder");
  EXPECT_EQ(files_in(folder.path()), 0U);
}

TEST(OutputFile, ReplacesWhatALinkLeadsTo) {
  const testing::TemporaryFolder folder;
  fs::create_directory(folder / "far");
  testing::write_file(folder / "far/old", "old");
  fs::create_symlink("far/old", folder / "link");
  fs::create_symlink("link", folder / "twice");
  fs::create_symlink("far/new", folder / "dangling");
  for (const char* name : {"twice", "dangling"}) {
    OutputFile out(folder / name);
    out.write("new text");
    EXPECT_FALSE(fs::exists(folder / "far/new"));
    out.commit();
    EXPECT_TRUE(fs::is_symlink(folder / name)) << name;
  }
  EXPECT_EQ(read_text_file(folder / "far/old"), "new text");
  EXPECT_EQ(read_text_file(folder / "far/new"), "new text");
  EXPECT_EQ(files_in(folder / "far"), 2U);
  EXPECT_EQ(files_in(folder.path()), 4U);
}

TEST(OutputFile, WritesToWhatIsNoRegularFile) {
  const testing::TemporaryFolder folder;
  const fs::path fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  fs::create_symlink("fifo", folder / "link");
  int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  for (const char* name : {"fifo", "link"}) {
    OutputFile out(folder / name);
    out.write("two ");
    out.write("parts");
    out.commit();
    std::array<char, 32> text{};
    EXPECT_EQ(::read(reader, text.data(), text.size()), 9) << name;
    EXPECT_STREQ(text.data(), "two parts");
  }
  {  // a failing write is an error, and leaves what was there
    OutputFile out(fifo);
    ::close(reader);
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    EXPECT_THROW(out.write("nobody reads this"), Error);
    std::signal(SIGPIPE, before);
  }
  EXPECT_TRUE(fs::is_fifo(fifo));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(files_in(folder.path()), 2U);
}

TEST(ReadFile, MissingIsNamed) {
  const testing::TemporaryFolder folder;
  EXPECT_INPUT_ERROR(read_text_file(folder / "none"), "none", "cannot be read");
  EXPECT_INPUT_ERROR(read_text_file(folder.path()), "found a folder");
  testing::write_file(folder / "list", "[]");
  EXPECT_INPUT_ERROR(read_json_object(folder / "list"), "list", "found a JSON array");
}

}  // namespace
}  // namespace assay
