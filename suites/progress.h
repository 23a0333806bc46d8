// How far a sweep is: one line, rewritten in place on a terminal, every so often elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>

namespace assay::suites {

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  struct Status {
    std::size_t rows_done = 0;
    std::size_t rows = 0;
    double left_s = 0.0;  // as estimated
    std::string at;       // the case at hand
  };

  /// Writes to `out`. Where that is no terminal, at most one line in `every_s`.
  Progress(std::FILE* out, bool terminal, double every_s,
           std::function<Clock::time_point()> now = Clock::now);

  void show(const Status& status);
  /// Takes the line back, so that something else can be written.
  void clear();

 private:
  std::FILE* out_;
  bool terminal_;
  double every_s_;
  std::function<Clock::time_point()> now_;
  Clock::time_point last_;
  bool shown_ = false;
};

/// "37/412 rows, about 2:10 left, linear/fp16/m=8,...", cut to `width` columns.
std::string progress_line(const Progress::Status& status, std::size_t width);

}  // namespace assay::suites
