#include "kernels/device/emulated/traced/source_line.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

extern "C" const char __executable_start;  // by the linker

namespace assay::emulated::traced {
namespace {

std::string base_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.find(' '));  // without "(discriminator 2)"
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// File and line of the instruction and of each call that was inlined around it, innermost first.
std::vector<std::string> ask_addr2line(std::uintptr_t offset) {
  std::array<char, 128> command;
  std::snprintf(command.data(), command.size(),
                "addr2line -i -e /proc/%d/exe 0x%llx 2>/dev/null </dev/null",
                static_cast<int>(getpid()), static_cast<unsigned long long>(offset));
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.data(), "r"), &pclose);
  std::vector<std::string> lines;
  if (pipe == nullptr) return lines;
  std::array<char, 1024> line;
  while (std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    std::string text = base_name(line.data());
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (text.empty() || text[0] == '?' || ends_with(text, ":?") || ends_with(text, ":0")) continue;
    lines.push_back(text);
  }
  return lines;
}

// The emulated device's own headers say nothing about a kernel.
bool is_own(const std::string& line) {
  return line.rfind("language.h:", 0) == 0 || line.rfind("redirect.h:", 0) == 0;
}

}  // namespace

std::uint32_t site_of(const void* return_address) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(return_address) -
                                    reinterpret_cast<std::uintptr_t>(&__executable_start)) &
         0x7fffffffu;
}

std::string source_line(std::uint32_t site) {
  static auto* known = new std::map<std::uint32_t, std::string>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::string& text = (*known)[site];
  if (!text.empty()) return text;

  const auto start = reinterpret_cast<std::uintptr_t>(&__executable_start);
  Dl_info info{};
  const bool found = dladdr(&__executable_start, &info) != 0;
  // A position-independent program's debug information counts from 0.
  const bool from_zero =
      found && reinterpret_cast<std::uintptr_t>(info.dli_fbase) == start && start > 0x10000000u;
  std::vector<std::string> lines =
      ask_addr2line(site - 1 + (from_zero ? 0 : start));  // the call before where it returns to
  while (lines.size() > 1 && is_own(lines.front())) lines.erase(lines.begin());
  if (lines.empty()) {
    std::array<char, 32> place;
    std::snprintf(place.data(), place.size(), "offset 0x%x", site - 1);
    return text = std::string(place.data()) + " of the program";
  }
  text = lines.front();
  if (ends_with(base_name(text.substr(0, text.find(':'))), ".cu")) return text;
  for (const std::string& line : lines) {
    if (line.find(".cu:") != std::string::npos) return text += ", called at " + line;
  }
  return text;
}

}  // namespace assay::emulated::traced
