#include "ci/bisect/live_table.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ostream>
#include <string_view>
#include <utility>

#include "reports/text.h"

namespace assay::bisect {
namespace {

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

}  // namespace

LiveTable::LiveTable(std::vector<LiveColumn> columns, std::ostream& out, bool terminal)
    : columns_(std::move(columns)), out_(out), terminal_(terminal) {}

LiveTable::~LiveTable() {
  clear();
  out_.flush();
}

void LiveTable::clear() {
  if (busy_) out_ << "\r\x1b[K";
  busy_ = false;
}

void LiveTable::line(const std::vector<std::string>& cells) {
  std::string text;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string cell = i < cells.size() ? reports::printable(cells[i]) : "";
    const std::size_t used = reports::display_width(cell);
    const std::string pad(columns_[i].width > used ? columns_[i].width - used : 0, ' ');
    if (i > 0) text += "  ";
    text += columns_[i].right ? pad + cell : cell + pad;
  }
  text.erase(text.find_last_not_of(' ') + 1);
  out_ << text << "\n";
}

void LiveTable::row(const std::vector<std::string>& cells) {
  clear();
  if (!titled_) {
    std::vector<std::string> titles;
    for (const LiveColumn& column : columns_) titles.push_back(column.title);
    line(titles);
    titled_ = true;
  }
  line(cells);
  out_.flush();
}

void LiveTable::note(const std::string& text) {
  clear();
  out_ << text << "\n";
  out_.flush();
}

void LiveTable::now(const std::string& text) {
  if (!terminal_) return;
  clear();
  out_ << reports::fit(reports::printable(text), terminal_width() - 1);
  out_.flush();
  busy_ = true;
}

bool is_terminal() {
  const char* const kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && kind && std::string_view(kind) != "dumb";
}

std::string duration_text(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 99.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace assay::bisect
