#include "suites/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include "suites/cost_model.h"

namespace assay::suites {
namespace {

std::size_t columns_of(std::FILE* out) {
  winsize size{};
  const bool known = ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 100;
}

}  // namespace

std::string progress_line(const Progress::Status& status, std::size_t width) {
  std::string line = fmt::format("sweep: {}/{} rows, about {} left, {}", status.rows_done,
                                 status.rows, format_duration(status.left_s), status.at);
  if (line.size() > width) line = line.substr(0, width < 3 ? 0 : width - 3) + "...";
  return line;
}

Progress::Progress(std::FILE* out, bool terminal, double every_s,
                   std::function<Clock::time_point()> now)
    : out_(out), terminal_(terminal), every_s_(every_s), now_(std::move(now)), last_(now_()) {}

void Progress::show(const Status& status) {
  if (terminal_) {
    clear();
    fmt::print(out_, "{}", progress_line(status, columns_of(out_) - 1));
    shown_ = true;
  } else {
    const Clock::time_point now = now_();
    if (std::chrono::duration<double>(now - last_).count() < every_s_) return;
    last_ = now;
    fmt::print(out_, "{}\n", progress_line(status, 200));
  }
  std::fflush(out_);
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(out_, "\r\033[K");
  std::fflush(out_);
  shown_ = false;
}

}  // namespace assay::suites
