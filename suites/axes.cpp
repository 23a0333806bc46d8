#include "suites/axes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "kernels/device/error.h"

namespace assay::suites {
namespace {

constexpr std::size_t MOST_VALUES = 1000;  // more are a slip of the pen

class AxisParser {
 public:
  AxisParser(const std::string& flag, const std::string& text, int least, int most)
      : flag_(flag), text_(text), least_(least), most_(most) {}

  std::vector<int> parse() {
    if (text_.empty()) fail(0, "it is empty");
    while (true) {
      item();
      if (at_ == text_.size()) return values_;
      if (text_[at_] != ',') fail(at_, "expected a comma, '-', or the end");
      ++at_;
    }
  }

 private:
  void item() {
    const std::size_t from = at_;
    const int first = value();
    if (peek() != '-') return add(first, from);
    ++at_;
    const std::size_t end_at = at_;
    const int last = value();
    if (last < first) fail(end_at, fmt::format("the range ends at {}, below {}", last, first));
    const char step_kind = peek();
    if (step_kind != '+' && step_kind != '*') {
      for (std::int64_t v = first; v <= last; ++v) add(static_cast<int>(v), from);
      return;
    }
    ++at_;
    const std::size_t step_at = at_;
    const int step = number();
    if (step_kind == '+' && step < 1) fail(step_at, "a step has to be at least 1");
    if (step_kind == '*' && step < 2) fail(step_at, "a factor has to be at least 2");
    if (step_kind == '*' && first == 0) fail(from, "no factor leads on from 0");
    for (std::int64_t v = first; v <= last; v = step_kind == '+' ? v + step : v * step) {
      add(static_cast<int>(v), from);
    }
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  int number() {
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    if (begin == end || *begin < '0' || *begin > '9') fail(at_, "expected a whole number");
    int result = 0;
    const auto [stop, error] = std::from_chars(begin, end, result);
    if (error != std::errc()) fail(at_, "the number is too large");
    at_ += static_cast<std::size_t>(stop - begin);
    return result;
  }

  int value() {
    const std::size_t from = at_;
    const int result = number();
    if (result < least_ || result > most_) {
      fail(from, fmt::format("{} is not {} to {}", result, least_, most_));
    }
    return result;
  }

  void add(int value, std::size_t from) {
    if (std::find(values_.begin(), values_.end(), value) != values_.end()) return;
    if (values_.size() == MOST_VALUES) fail(from, fmt::format("more than {} values", MOST_VALUES));
    values_.push_back(value);
  }

  [[noreturn]] void fail(std::size_t at, const std::string& reason) const {
    throw InputError(
        fmt::format("{}: {}, at character {}; a value, a list 1,8,32, a range 1-4, "
                    "16-64+16 or 128-8192*2 is expected\n  {}\n  {:>{}}",
                    flag_, reason, at + 1, text_, '^', at + 1));
  }

  const std::string& flag_;
  const std::string& text_;
  int least_;
  int most_;
  std::size_t at_ = 0;
  std::vector<int> values_;
};

}  // namespace

std::vector<int> parse_axis(const std::string& flag, const std::string& text, int least, int most) {
  return AxisParser(flag, text, least, most).parse();
}

std::string format_axis(const std::vector<int>& values) {
  return fmt::format("{}", fmt::join(values, ","));
}

std::vector<std::string> choose(const std::string& what, const std::vector<std::string>& names,
                                const std::vector<std::string>& known) {
  std::vector<bool> chosen(known.size(), false);
  for (const std::string& name : names) {
    bool any = false;
    const bool exact = std::find(known.begin(), known.end(), name) != known.end();
    for (std::size_t i = 0; i < known.size(); ++i) {
      const bool is = exact ? known[i] == name : known[i].rfind(name + "_", 0) == 0;
      chosen[i] = chosen[i] || is;
      any = any || is;
    }
    if (!any) {
      throw InputError(
          fmt::format("there is no {} '{}'; {}s are {}", what, name, what, fmt::join(known, ", ")));
    }
  }
  std::vector<std::string> result;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (chosen[i]) result.push_back(known[i]);
  }
  return result;
}

}  // namespace assay::suites
