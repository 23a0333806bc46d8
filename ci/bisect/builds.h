// Builds of commits, kept: a folder of programs for each tree that was built, under a work folder
// that a second bisection finds again.
//
//   WORK/lock             held by the one bisection that works here
//   WORK/slots/00/source  a working copy; its build/bisect is built in again and again. Its depth
//   is
//                         that of anybody's build/<preset>, so that ccache knows the objects
//   WORK/builds/KEY/      bin/, build.json, log: of one tree, preset and set of flags
//   WORK/steps/           logs for --resume
//   WORK/scratch/         gone when a bisection ends; swept up by the next where one was killed
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ci/bisect/git.h"
#include "ci/bisect/machine_code.h"

namespace assay::bisect {

/// A work folder and the lock on it; held while it lives, and by the kernel's doing never longer
/// than the process. InputError, with who holds it, where another bisection is at work there.
class WorkFolder {
 public:
  enum class Access {
    kRead,  ///< Looks at what is there, if anything is, and changes nothing; beside others too.
    kWork,  ///< Makes the folder, takes the lock, and sweeps up what a killed run left.
  };
  /// InputError where the folder holds anything and is no work folder.
  explicit WorkFolder(std::filesystem::path folder, Access access = Access::kWork);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// A folder for what is run, removed with this object.
  const std::filesystem::path& scratch() const { return scratch_; }
  /// In the environment of all that is built and run here: by it the next bisection finds, and
  /// ends, what a killed one has left running.
  std::pair<std::string, std::string> mark() const { return {"ASSAY_BISECT_WORK", path_}; }

 private:
  std::filesystem::path path_;
  std::filesystem::path scratch_;
  int descriptor_ = -1;
};

/// Where bisections of `repository` keep their builds unless told: below the user's cache.
std::filesystem::path default_work_folder(const Repository& repository);

struct BuildPlan {
  std::string preset;
  std::vector<std::string> cmake_arguments;
  std::string target;   ///< "verify" or "sweep"
  std::string command;  ///< Instead of cmake: run by sh in the source folder; see --build-command.
  int jobs = 0;         ///< 0: as many as there are cores.
  double timeout_s = 7200;
};

struct Build {
  bool ok = false;
  bool cached = false;
  bool timed_out = false;  ///< Not kept: asked again, it is built again.
  std::string problem;
  double wall_s = 0;
  std::filesystem::path bin;  ///< The folder with the programs.
  int slot = 0;      ///< Where it was built: the programs name files of that source folder.
  MachineCode code;  ///< Empty with a command of the user's.
};

class BuildStore {
 public:
  BuildStore(const Repository& repository, const WorkFolder& work, BuildPlan plan);

  /// What there is of a commit's tree; none if it was not built yet.
  std::optional<Build> find(const std::string& commit) const;
  /// Finds it, or builds it in `slot`. A failure to build is an answer, kept like the others unless
  /// it ran out of time.
  Build get(const std::string& commit, int slot = 0);
  /// Gives the source folder that a build's programs read their data from the data of `commit`.
  void provide_data(const Build& build, const std::string& commit);

  /// Seconds that builds took here, newest last; for estimates.
  std::vector<double> build_times() const;
  std::filesystem::path slot_folder(int slot) const;
  std::filesystem::path build_folder(int slot) const;

 private:
  std::string key_of(const std::string& commit) const;
  std::filesystem::path folder_of(const std::string& commit) const;
  Build make(const std::string& commit, int slot, const std::filesystem::path& partial);
  std::string configure_and_build(int slot, const std::filesystem::path& log, bool& timed_out);

  const Repository& repository_;
  const WorkFolder& work_;
  BuildPlan plan_;
  std::string compilers_;
  bool has_ccache_ = false;
};

}  // namespace assay::bisect
