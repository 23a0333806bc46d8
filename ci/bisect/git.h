// The user's repository, which is only read, and the repositories that a bisection works in.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace assay::bisect {

struct Commit {
  std::string sha;
  std::string author;  ///< "Name <address>"
  std::string date;    ///< ISO 8601
  std::string subject;
  std::vector<std::string> parents;

  std::string brief() const { return sha.substr(0, 10); }
};

/// Nothing here writes into it: no ref, index, configuration or worktree entry of its changes, and
/// no hook of it runs.
class Repository {
 public:
  /// The repository that `folder` lies in; InputError where there is none.
  explicit Repository(const std::filesystem::path& folder);

  const std::filesystem::path& objects() const { return objects_; }
  const std::filesystem::path& shared() const { return shared_; }  ///< Its .git folder.

  /// The commit that `revision` names; InputError, naming `what` asked for it, where it names none.
  std::string resolve(const std::string& revision, const std::string& what) const;
  Commit describe(const std::string& sha) const;
  bool is_ancestor(const std::string& ancestor, const std::string& of) const;
  /// Commits that `bad` has and `good` has not, oldest first, `bad` last.
  std::vector<std::string> range(const std::string& good, const std::string& bad,
                                 bool first_parent) const;
  /// What is at the top of a commit's tree, a line of mode, type, id and name each, in git's order.
  std::vector<std::string> top_entries(const std::string& sha) const;
  /// Id of a file or folder in a commit; "" where it has none.
  std::string id_of(const std::string& sha, const std::string& path) const;
  /// "sha1" or "sha256": what its objects are named by.
  std::string object_format() const;
  /// git's hash of a text.
  std::string hash(const std::string& text) const;

 private:
  std::string git(const std::vector<std::string>& arguments) const;

  std::filesystem::path folder_;
  std::filesystem::path shared_;
  std::filesystem::path objects_;
};

/// A working copy in a repository of its own, which borrows the objects of the user's: no worktree
/// of theirs, so that not even a bisection that is killed leaves something in it.
class WorkingCopy {
 public:
  /// Made at `folder` where it is not there yet.
  WorkingCopy(const Repository& lender, std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  /// Makes the files those of `sha`, whatever they were; files that nobody committed stay.
  void checkout(const std::string& sha);
  /// Makes `paths` those of `sha`, and leaves the others. Paths that it has not are left out.
  void checkout(const std::string& sha, const std::vector<std::string>& paths);

 private:
  std::filesystem::path folder_;
};

/// `git bisect`, in an empty repository of its own that borrows objects.
class Walk {
 public:
  enum class Answer { kGood, kBad, kSkip };

  /// `folder` is made, and removed at the end. InputError where git refuses the range.
  Walk(const Repository& lender, std::filesystem::path folder, const std::string& good,
       const std::string& bad, bool first_parent);
  ~Walk();
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  /// The commit to look at next; "" when git has nothing more to ask.
  const std::string& next() const { return next_; }
  void answer(Answer answer);

  /// At the end: the one first bad commit, or all that it may be where some were skipped, or none
  /// where git found that the question makes no sense, as refusal() says.
  const std::vector<std::string>& suspects() const { return suspects_; }
  const std::string& refusal() const { return refusal_; }

 private:
  void bisect(std::vector<std::string> arguments);

  std::filesystem::path folder_;
  std::string next_;
  std::vector<std::string> suspects_;
  std::string refusal_;
};

}  // namespace assay::bisect
