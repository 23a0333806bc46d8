#include "suites/markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "reports/table.h"

namespace assay::suites {
namespace {

constexpr std::size_t MOST_FAILURES = 50;
constexpr std::size_t MOST_REASON_BYTES = 2000;

// The first bytes of a text, never half a UTF-8 character.
std::string cut(const std::string& text) {
  if (text.size() <= MOST_REASON_BYTES) return text;
  std::size_t end = MOST_REASON_BYTES;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + " ...";
}

// A code block, fenced by more backticks than the text has in a row.
std::string fenced(const std::string& text) {
  std::size_t run = 0;
  std::size_t longest = 2;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fence + "text\n" + text + "\n" + fence + "\n";
}

std::string details(const std::string& title, const std::string& body, bool open) {
  return fmt::format("<details{}><summary>{}</summary>\n\n{}\n</details>\n\n", open ? " open" : "",
                     escape_markdown(title), body);
}

std::string render_failures(const std::vector<Report::Failure>& failures) {
  if (failures.empty()) return "";
  std::string text = "### Failures\n\n";
  for (std::size_t i = 0; i < std::min(failures.size(), MOST_FAILURES); ++i) {
    const Report::Failure& f = failures[i];
    std::string body = cut(f.reason);
    if (!f.replay.empty()) body += (body.empty() ? "" : "\n") + ("replay: " + f.replay);
    text += details(f.status + " " + f.name, fenced(body), i == 0);
  }
  if (failures.size() > MOST_FAILURES) {
    text +=
        fmt::format("... and {} more; the CSV has them all.\n\n", failures.size() - MOST_FAILURES);
  }
  return text;
}

std::string render_stale_list(const RunFacts& facts) {
  std::string lines;
  std::size_t shown = 0;
  std::size_t stale = 0;
  for (const Discrepancy& d : facts.discrepancies) {
    if (d.not_run) continue;  // a failure of its own
    if (++stale > MOST_FAILURES) continue;
    lines += d.test + ": " + d.why + "\n";
    ++shown;
  }
  if (stale == 0) return "";
  if (stale > shown) lines += fmt::format("... and {} more\n", stale - shown);
  lines += "If that is meant: " + facts.update_command;
  return details(fmt::format("The manifest is out of date: {} tests", stale), fenced(lines), true);
}

std::string render_table(const Report& report) {
  std::set<std::string> seen;
  for (const auto& [name, line] : report.lines()) {
    for (const auto& [status, count] : line.statuses) seen.insert(status);
  }
  std::vector<std::string> statuses;
  for (const char* status : {"PASS", "FAIL", "MISTRUSTED", "ERROR", "TIMEOUT", "NOT_RUN", "SKIP"}) {
    if (seen.count(status) != 0) statuses.emplace_back(status);
  }
  using reports::Align;
  std::vector<reports::TableColumn> columns = {{"level.op"}};
  for (const std::string& status : statuses) columns.push_back({status, Align::kRight});
  columns.push_back({"spoils refused", Align::kRight});
  columns.push_back({"% of tolerance", Align::kRight});
  columns.push_back({"worst case"});
  reports::Table table(columns);
  for (const std::string& name : report.order()) {
    const Report::Line& line = report.lines().at(name);
    std::vector<std::string> cells = {escape_markdown(name)};
    for (const std::string& status : statuses) {
      const auto count = line.statuses.find(status);
      cells.push_back(count == line.statuses.end() ? "" : std::to_string(count->second));
    }
    cells.push_back(
        line.tried.empty() ? "" : fmt::format("{}/{}", line.spoils_refused, line.spoils_shown));
    cells.push_back(line.worst_case.empty() ? "" : fmt::format("{:.1f}", line.worst_ratio * 100.0));
    cells.push_back(escape_markdown(line.worst_case));
    table.add(std::move(cells));
  }
  return table.empty() ? "" : table.markdown();
}

}  // namespace

std::string escape_markdown(const std::string& text) {
  const auto is_word = [&](std::size_t i) {
    return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])) != 0;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool in_word = c == '_' && i > 0 && is_word(i - 1) && is_word(i + 1);  // means nothing
    if (!in_word && std::string_view("\\`*_{}[]<>|#&~$@!").find(c) != std::string_view::npos) {
      out += fmt::format("&#{};", static_cast<int>(c));
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string render_markdown(const RunFacts& facts, const Report& report) {
  const bool red =
      facts.tests_failed > 0 || facts.tests_not_run > 0 || !facts.discrepancies.empty();
  std::string text =
      fmt::format("## {} verify --set {} on {}{}\n\n{} tests passed, {} failed, {} skipped",
                  red ? "❌" : "✅", escape_markdown(facts.set), escape_markdown(facts.device),
                  facts.shard.empty() ? "" : ", shard " + escape_markdown(facts.shard),
                  facts.tests_passed, facts.tests_failed, facts.tests_skipped);
  if (facts.tests_not_run > 0) text += fmt::format(", {} NOT_RUN", facts.tests_not_run);
  text += fmt::format(" in {:.0f} s. Commit {}, seed {}.\n\n", facts.duration_s,
                      facts.commit.empty() ? "unknown" : escape_markdown(facts.commit), facts.seed);
  return text + render_failures(report.failures()) + render_stale_list(facts) +
         render_table(report) + "\n";
}

}  // namespace assay::suites
