#include "ci/bisect/step_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "kernels/device/error.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string differences(const json& before, const json& now) {
  std::string text;
  const auto add = [&](const std::string& key, const json& a, const json& b) {
    text += fmt::format("{}{} was {} and is {}", text.empty() ? "" : "; ", key, a.dump(), b.dump());
  };
  for (const auto& [key, value] : now.items()) {
    if (!before.contains(key) || before[key] != value) add(key, before.value(key, json()), value);
  }
  for (const auto& [key, value] : before.items()) {
    if (!now.contains(key)) add(key, value, json());
  }
  return text;
}

void refuse_what_is_no_log(const fs::path& path, const std::string& text, const json& command) {
  const json first =
      json::parse(text.substr(0, text.find('\n')), nullptr, /*allow_exceptions=*/false);
  if (first.is_object() && first.value("command", json()) == command) return;
  throw InputError(
      fmt::format("{}: is no log of bisect {}, and is left alone; move it, or name another",
                  path.string(), command.get<std::string>()));
}

fs::path name_for_old(const fs::path& path) {
  for (int number = 1;; ++number) {
    fs::path old = fmt::format("{}.old{}", path.string(), number);
    if (!fs::exists(old)) return old;
  }
}

}  // namespace

StepLog::StepLog(fs::path path, const json& header, bool resume) : path_(std::move(path)) {
  std::uint64_t whole_bytes = 0;
  if (fs::exists(path_) && fs::file_size(path_) > 0) {
    const std::string text = reports::read_file(path_);
    refuse_what_is_no_log(path_, text, header.at("command"));
    if (!resume) {
      fs::rename(path_, name_for_old(path_));
    } else {
      bool first = true;
      for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos;
           at = end + 1) {
        const json line = json::parse(text.begin() + static_cast<std::ptrdiff_t>(at),
                                      text.begin() + static_cast<std::ptrdiff_t>(end), nullptr,
                                      /*allow_exceptions=*/false);
        if (!line.is_object()) {
          throw InputError(fmt::format("{}: line {} is no JSON object; start without --resume",
                                       path_.string(), earlier_.size() + 1 + !first));
        }
        if (first && line != header) {
          throw InputError(fmt::format(
              "{}: the run to resume was asked something else: {}. Start without --resume",
              path_.string(), differences(line, header)));
        }
        if (!first) earlier_.push_back(line);
        first = false;
        whole_bytes = end + 1;
      }
    }
  }
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path());
  file_ = std::make_unique<reports::AppendFile>(path_, reports::OnExisting::kResume);
  if (file_->size_bytes() > whole_bytes) file_->truncate(whole_bytes);
  if (whole_bytes == 0) append(header);
}

void StepLog::for_each_earlier(const std::function<void(const json&)>& use) const {
  for (std::size_t i = 0; i < earlier_.size(); ++i) {
    try {
      use(earlier_[i]);
    } catch (const std::exception& error) {
      throw InputError(
          fmt::format("{}: line {} is damaged, and cannot be gone on with ({}); start without "
                      "--resume",
                      path_.string(), i + 2, error.what()));
    }
  }
}

void StepLog::append(const json& step) {
  const std::lock_guard lock(mutex_);
  // Bytes that are not UTF-8, from a compiler say, are replaced: a log must not fail on them.
  file_->append_line(step.dump(-1, ' ', false, json::error_handler_t::replace));
  const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fdatasync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace assay::bisect
