#include "reports/identity.h"

#include <fmt/format.h>

#include <cstdint>
#include <ctime>
#include <random>
#include <string_view>

#include "kernels/device/error.h"

namespace assay::reports {
namespace {

std::tm utc_fields(std::chrono::system_clock::time_point time) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm fields{};
  if (!gmtime_r(&seconds, &fields))
    throw Error("report: the clock shows a time that has no calendar date");
  return fields;
}

}  // namespace

std::string format_utc(std::chrono::system_clock::time_point time) {
  const std::tm t = utc_fields(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

std::string utc_now() { return format_utc(std::chrono::system_clock::now()); }

std::string make_run_id() {
  const std::tm t = utc_fields(std::chrono::system_clock::now());
  const unsigned random = std::random_device{}() & 0xFFFFFFu;
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z-{:06x}", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, random);
}

std::string hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fmt::format("{:016x}", hash);
}

std::string make_row_id(const Row& row, std::string_view without) {
  std::string text;
  for (std::size_t i = 0; i < columns().size(); ++i) {
    if (!columns()[i].has(kKey) || columns()[i].name == without) continue;
    const std::string value = row.cell(i);
    if (!value.empty()) text += fmt::format("{}={}\n", columns()[i].name, value);
  }
  return hash_of(text);
}

}  // namespace assay::reports
