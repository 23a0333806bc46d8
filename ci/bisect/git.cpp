#include "ci/bisect/git.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <utility>

#include "ci/bisect/process.h"
#include "kernels/device/error.h"
#include "reports/pending_file.h"

namespace assay::bisect {
namespace {

namespace fs = std::filesystem;

// git as it is by itself: nothing from a hook or another git that started this program, no hooks,
// no cleaning up in the background, no translated messages.
ProcessResult run_git(const fs::path& folder, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"env"};
  for (const char* name : {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
                           "GIT_COMMON_DIR", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX"}) {
    argv.insert(argv.end(), {"-u", name});
  }
  argv.insert(argv.end(), {"LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "git", "-C", folder.string()});
  for (const char* setting :
       {"core.hooksPath=/dev/null", "gc.auto=0", "maintenance.auto=false", "core.fsmonitor=false",
        "advice.detachedHead=false", "log.showSignature=false", "core.quotePath=true"}) {
    argv.insert(argv.end(), {"-c", setting});
  }
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_process({.argv = argv});
}

std::string git_or_throw(const fs::path& folder, const std::vector<std::string>& arguments) {
  const ProcessResult result = run_git(folder, arguments);
  if (!result.ok()) {
    throw InputError(fmt::format("{}: git {} failed: {}", folder.string(), arguments.front(),
                                 last_lines(result.err + result.out, 3)));
  }
  return result.out;
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A repository at `folder` that has none of its own objects yet.
void borrow(const Repository& lender, const fs::path& folder) {
  fs::create_directories(folder);
  git_or_throw(
      folder, {"init", "--quiet", "--template=", "--object-format=" + lender.object_format(), "."});
  fs::create_directories(folder / ".git/objects/info");
  std::ofstream(folder / ".git/objects/info/alternates") << lender.objects().string() << "\n";
  // A shallow history ends where the lender's does.
  if (fs::exists(lender.shared() / "shallow")) {
    fs::copy_file(lender.shared() / "shallow", folder / ".git/shallow",
                  fs::copy_options::overwrite_existing);
  }
}

}  // namespace

Repository::Repository(const fs::path& folder) : folder_(fs::absolute(folder)) {
  const ProcessResult found = run_git(folder_, {"rev-parse", "--git-common-dir"});
  if (!found.ok()) {
    throw InputError(
        fmt::format("{}: no git repository: {}", folder_.string(), last_lines(found.err, 1)));
  }
  shared_ = fs::canonical(folder_ / trimmed(found.out));
  objects_ = shared_ / "objects";
}

std::string Repository::git(const std::vector<std::string>& arguments) const {
  return git_or_throw(folder_, arguments);
}

std::string Repository::resolve(const std::string& revision, const std::string& what) const {
  const ProcessResult found = run_git(
      folder_, {"rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"});
  if (!found.ok())
    throw InputError(fmt::format("{} '{}': no commit of {}", what, revision, folder_.string()));
  return trimmed(found.out);
}

Commit Repository::describe(const std::string& sha) const {
  const auto lines =
      lines_of(git({"log", "-1", "--no-color", "--format=%H%n%an <%ae>%n%aI%n%P%n%s", sha}));
  if (lines.size() < 4) throw InputError(fmt::format("{}: git log gave no description", sha));
  Commit commit{lines[0], lines[1], lines[2], lines.size() > 4 ? lines[4] : "", {}};
  std::istringstream parents(lines[3]);
  for (std::string parent; parents >> parent;) commit.parents.push_back(parent);
  return commit;
}

bool Repository::is_ancestor(const std::string& ancestor, const std::string& of) const {
  return run_git(folder_, {"merge-base", "--is-ancestor", ancestor, of}).ok();
}

std::vector<std::string> Repository::range(const std::string& good, const std::string& bad,
                                           bool first_parent) const {
  std::vector<std::string> arguments = {"rev-list", "--topo-order", "--reverse"};
  if (first_parent) arguments.push_back("--first-parent");
  arguments.insert(arguments.end(), {bad, "^" + good});
  return lines_of(git(arguments));
}

std::vector<std::string> Repository::top_entries(const std::string& sha) const {
  return lines_of(git({"ls-tree", sha}));
}

std::string Repository::id_of(const std::string& sha, const std::string& path) const {
  const ProcessResult found =
      run_git(folder_, {"rev-parse", "--verify", "--quiet", sha + ":" + path});
  return found.ok() ? trimmed(found.out) : "";
}

std::string Repository::object_format() const {
  return trimmed(git({"rev-parse", "--show-object-format"}));
}

std::string Repository::hash(const std::string& text) const {
  static std::atomic<int> count = 0;  // from several threads at once
  const fs::path file =
      fs::temp_directory_path() / fmt::format("bisect-hash-{}-{}", ::getpid(), count++);
  reports::write_whole_file(file, text);
  const std::string hash = trimmed(git({"hash-object", "--no-filters", "--", file.string()}));
  fs::remove(file);
  return hash;
}

WorkingCopy::WorkingCopy(const Repository& lender, fs::path folder) : folder_(std::move(folder)) {
  borrow(lender, folder_);
  fs::remove(folder_ / ".git/index.lock");  // of a run that was killed
}

void WorkingCopy::checkout(const std::string& sha) {
  git_or_throw(folder_, {"checkout", "--quiet", "--force", "--detach", sha});
}

void WorkingCopy::checkout(const std::string& sha, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (run_git(folder_, {"cat-file", "-e", sha + ":" + path}).ok())
      git_or_throw(folder_, {"checkout", "--quiet", "--force", sha, "--", path});
  }
}

Walk::Walk(const Repository& lender, fs::path folder, const std::string& good,
           const std::string& bad, bool first_parent)
    : folder_(std::move(folder)) {
  fs::remove_all(folder_);
  borrow(lender, folder_);
  git_or_throw(folder_, {"update-ref", "--no-deref", "HEAD", bad});
  std::vector<std::string> start = {"start", "--no-checkout"};
  if (first_parent) start.push_back("--first-parent");
  start.insert(start.end(), {bad, good});
  bisect(start);
}

Walk::~Walk() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Walk::answer(Answer answer) {
  const char* const word = answer == Answer::kGood  ? "good"
                           : answer == Answer::kBad ? "bad"
                                                    : "skip";
  bisect({word, next_});
}

void Walk::bisect(std::vector<std::string> arguments) {
  next_.clear();
  arguments.insert(arguments.begin(), "bisect");
  const ProcessResult result = run_git(folder_, arguments);
  constexpr std::string_view FOUND = " is the first bad commit";
  for (const std::string& line : lines_of(result.out)) {
    if (line.ends_with(FOUND)) {
      suspects_ = {line.substr(0, line.size() - FOUND.size())};
      return;
    }
  }
  if (result.exit_code == 2) {  // only skipped commits left: lines of hashes alone
    for (const std::string& line : lines_of(result.out)) {
      const bool hash =
          line.size() >= 40 && line.find_first_not_of("0123456789abcdef") == std::string::npos;
      if (hash) suspects_.push_back(line);
    }
    if (!suspects_.empty()) return;
  }
  if (!result.ok()) {
    refusal_ = last_lines(result.err + result.out, 6);
    return;
  }
  next_ = trimmed(git_or_throw(folder_, {"rev-parse", "--verify", "BISECT_HEAD"}));
}

}  // namespace assay::bisect
