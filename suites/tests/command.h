// Running a program as a person would.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string>

namespace assay::suites {

struct Answer {
  int exit_code;
  std::string output;  // standard output and error
};

inline Answer run(const std::string& command) {
  Answer answer{-1, ""};
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    answer.output.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) answer.exit_code = WEXITSTATUS(status);
  return answer;
}

inline void expect_refused(const std::string& command, const std::string& message) {
  const Answer answer = run(command);
  EXPECT_EQ(answer.exit_code, 2) << command << "\n" << answer.output;
  EXPECT_NE(answer.output.find(message), std::string::npos) << command << "\n" << answer.output;
}

}  // namespace assay::suites
