#include "suites/manifest.h"

#include <fmt/format.h>

#include <sstream>

#include "kernels/device/error.h"
#include "reports/append_file.h"

namespace assay::suites {
namespace {

constexpr const char* FIRST_LINE = "verify-manifest 1";

const char* word_of(Expected expected) {
  switch (expected) {
    case Expected::kRun:
      return "run";
    case Expected::kSkipShape:
      return "skip:shape";
    case Expected::kSkipDevice:
      return "skip:device";
  }
  return "?";
}

// Reads a manifest line by line and knows where it is, for messages.
class Parser {
 public:
  Parser(const std::string& text, const std::string& path) : lines_(text), path_(path) {
    if (!text.empty() && text.back() != '\n')
      refuse("the file is cut short: it does not end a line");
  }

  bool next(std::string& line) {
    ++number_;
    return static_cast<bool>(std::getline(lines_, line));
  }
  // The value of a header line "key value".
  std::string header(const std::string& key) {
    std::string line;
    if (!next(line) || line.rfind(key + " ", 0) != 0 || line.size() == key.size() + 1) {
      refuse(fmt::format("expected '{} ...'", key));
    }
    return line.substr(key.size() + 1);
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw InputError(fmt::format("{}:{}: {}; write the manifest again with verify --write-manifest",
                                 path_, number_, what));
  }

 private:
  std::istringstream lines_;
  std::string path_;
  int number_ = 0;
};

Expected parse_word(const std::string& word, const Parser& at) {
  for (const Expected e : {Expected::kRun, Expected::kSkipShape, Expected::kSkipDevice}) {
    if (word == word_of(e)) return e;
  }
  at.refuse(fmt::format("'{}' is none of run, skip:shape, skip:device", word));
}

std::string mismatch(Expected expected, const Fate& fate) {
  const bool should_run = expected == Expected::kRun;
  if (fate.kind == Fate::Kind::kRan) {
    return should_run ? "" : fmt::format("listed as {}, but it ran", word_of(expected));
  }
  if (should_run) return "skipped, though it is listed to run: " + fate.reason;
  const Expected kind = kind_of_skip(fate.reason);
  if (kind == expected) return "";
  return fmt::format("listed as {}, but it was {}: {}", word_of(expected), word_of(kind),
                     fate.reason);
}

}  // namespace

Expected kind_of_skip(const std::string& reason) {
  return reason.find("needs sm_") != std::string::npos ? Expected::kSkipDevice
                                                       : Expected::kSkipShape;
}

std::string format_manifest(const Manifest& manifest) {
  std::string text =
      fmt::format("{}\ndevice {}\nset {}\nfilter {}\ntests {}\n", FIRST_LINE, manifest.device,
                  manifest.set, manifest.filter, manifest.tests.size());
  for (const auto& [test, expected] : manifest.tests) {
    text += fmt::format("{} {}\n", word_of(expected), test);
  }
  return text;
}

Manifest parse_manifest(const std::string& text, const std::string& path) {
  Parser parser(text, path);
  std::string line;
  if (!parser.next(line) || line != FIRST_LINE) {
    parser.refuse(fmt::format("this is no manifest: the first line is not '{}'", FIRST_LINE));
  }
  Manifest manifest;
  manifest.device = parser.header("device");
  manifest.set = parser.header("set");
  manifest.filter = parser.header("filter");
  const std::string count = parser.header("tests");
  while (parser.next(line)) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || space + 1 == line.size()) {
      parser.refuse("expected 'run TEST' or 'skip:KIND TEST'");
    }
    const Expected expected = parse_word(line.substr(0, space), parser);
    if (!manifest.tests.emplace(line.substr(space + 1), expected).second) {
      parser.refuse(fmt::format("{} is listed twice", line.substr(space + 1)));
    }
  }
  if (count != std::to_string(manifest.tests.size())) {
    parser.refuse(
        fmt::format("the header promises {} tests, {} are listed", count, manifest.tests.size()));
  }
  if (manifest.tests.empty()) parser.refuse("no test is listed");
  return manifest;
}

Manifest read_manifest(const std::string& path) {
  return parse_manifest(reports::read_file(path), path);
}

std::vector<Discrepancy> find_discrepancies(const Manifest& expected,
                                            const std::map<std::string, Fate>& found) {
  std::map<std::string, Discrepancy> by_name;
  for (const auto& [test, what] : expected.tests) {
    const auto fate = found.find(test);
    if (fate == found.end()) {
      by_name[test] = {test, true, "there is no such test in this build"};
    } else if (fate->second.kind == Fate::Kind::kNotRun) {
      by_name[test] = {test, true, fate->second.reason, true};
    } else if (fate->second.kind != Fate::Kind::kOtherShard) {
      const std::string why = mismatch(what, fate->second);
      if (!why.empty()) by_name[test] = {test, what == Expected::kRun, why};
    }
  }
  for (const auto& [test, fate] : found) {
    // A list made with a filter does not speak of what that filter leaves out. (In a shard that may
    // look like another shard's; what does match is noticed in the shard that runs it.)
    const bool left_out = expected.filter != "*" && (fate.kind == Fate::Kind::kNotRun ||
                                                     fate.kind == Fate::Kind::kOtherShard);
    if (expected.tests.count(test) == 0 && !left_out) {
      by_name[test] = {test, false, "not in the manifest"};
    }
  }
  std::vector<Discrepancy> all;
  for (auto& [test, discrepancy] : by_name) all.push_back(std::move(discrepancy));
  return all;
}

}  // namespace assay::suites
