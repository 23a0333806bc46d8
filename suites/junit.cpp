#include "suites/junit.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>
#include <vector>

namespace assay::suites {
namespace {

std::string unescape_xml(std::string text) {
  const std::pair<const char*, const char*> entities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, character] : entities) {
    for (std::size_t at = 0; (at = text.find(entity, at)) != std::string::npos; ++at) {
      text.replace(at, std::string(entity).size(), character);
    }
  }
  return text;
}

// Where the value of ` name="..."` stands in an element's line; npos where it has none.
struct Span {
  std::size_t start = std::string::npos;
  std::size_t length = 0;
};
Span find_attribute(const std::string& line, const std::string& name) {
  const std::string key = " " + name + "=\"";
  const std::size_t at = line.find(key);
  if (at == std::string::npos) return {};
  const std::size_t start = at + key.size();
  return {start, line.find('"', start) - start};
}

std::string attribute(const std::string& line, const std::string& name) {
  const Span span = find_attribute(line, name);
  return span.start == std::string::npos ? "" : unescape_xml(line.substr(span.start, span.length));
}

void add_to(std::string& line, const std::string& name, int more) {
  const Span span = find_attribute(line, name);
  if (span.start == std::string::npos) return;
  const int value = std::atoi(line.substr(span.start, span.length).c_str());
  line.replace(span.start, span.length, std::to_string(value + more));
}

std::string failure(const std::string& why) {
  return fmt::format("      <failure message=\"NOT_RUN: {}\" type=\"NOT_RUN\"/>", escape_xml(why));
}

std::string added_suite(const std::map<std::string, std::string>& missing) {
  std::string text = fmt::format(
      "  <testsuite name=\"NOT_RUN\" tests=\"{0}\" failures=\"{0}\" disabled=\"0\" skipped=\"0\" "
      "errors=\"0\" time=\"0\">\n",
      missing.size());
  for (const auto& [test, why] : missing) {
    const std::size_t dot = test.find('.');
    const std::string suite = dot == std::string::npos ? "" : test.substr(0, dot);
    const std::string name = dot == std::string::npos ? test : test.substr(dot + 1);
    text += fmt::format(
        "    <testcase name=\"{}\" status=\"notrun\" result=\"suppressed\" time=\"0\" "
        "classname=\"{}\">\n{}\n    </testcase>\n",
        escape_xml(name), escape_xml(suite), failure(why));
  }
  return text + "  </testsuite>\n";
}

bool has(const std::string& line, const char* text) { return line.find(text) != std::string::npos; }

}  // namespace

std::string escape_xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\n') {
      out += "&#x0A;";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string mark_not_run(const std::string& xml,
                         const std::map<std::string, std::string>& not_run) {
  std::map<std::string, std::string> missing = not_run;
  std::vector<std::string> lines;
  std::string* root = nullptr;
  std::string* suite = nullptr;
  std::istringstream in(xml);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  int marked = 0;
  for (std::string& line : lines) {
    if (has(line, "<testsuites ")) root = &line;
    if (has(line, "<testsuite ")) suite = &line;
    if (!has(line, "<testcase ")) continue;
    const auto found = missing.find(attribute(line, "classname") + "." + attribute(line, "name"));
    if (found == missing.end()) continue;
    if (const std::size_t end = line.rfind("/>"); end != std::string::npos) {
      line.replace(end, 2, ">\n" + failure(found->second) + "\n    </testcase>");
    } else {
      line += "\n" + failure(found->second);
    }
    if (suite != nullptr) add_to(*suite, "failures", 1);
    missing.erase(found);
    ++marked;
  }
  const int added = static_cast<int>(missing.size());
  if (root != nullptr) {
    add_to(*root, "failures", marked + added);
    add_to(*root, "tests", added);
  }
  std::string out;
  if (root == nullptr) out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const std::string& line : lines) {
    if (root == nullptr || has(line, "</testsuites>")) continue;
    out += line + "\n";
  }
  if (added > 0) out += added_suite(missing);
  return out + "</testsuites>\n";
}

}  // namespace assay::suites
