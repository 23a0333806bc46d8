// The log of a bisection: one JSON object a line, on disk before the next step begins, so that a
// run that was cut short can go on where it stopped.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

#include "reports/append_file.h"

namespace assay::bisect {

class StepLog {
 public:
  /// `header` says what the run was asked and on which machine: an object that has to be the same
  /// for its steps to be worth anything to another run. It becomes the first line. Its "command"
  /// says whose log it is: any other file is refused.
  ///
  /// Without `resume` a log that is there is kept under a name with `.old1`, `.old2` ... added, and
  /// a new one is begun. With it, InputError where the log's header differs, naming what differs;
  /// where there is no log, a new one is begun. A last line that was cut short is dropped; so a
  /// killed run loses the step that it was at, and no other.
  StepLog(std::filesystem::path path, const nlohmann::json& header, bool resume);

  /// Gives `use` the steps of the runs before, in order. InputError, with the line, where it throws
  /// because one is not as it was written.
  void for_each_earlier(const std::function<void(const nlohmann::json&)>& use) const;

  /// Appends one step and sees it onto the disk. From any thread.
  void append(const nlohmann::json& step);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::vector<nlohmann::json> earlier_;
  std::unique_ptr<reports::AppendFile> file_;
  std::mutex mutex_;
};

}  // namespace assay::bisect
