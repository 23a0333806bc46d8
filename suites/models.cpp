#include "suites/models.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "kernels/device/error.h"
#include "reference/hashed_checkpoint.h"
#include "suites/data_paths.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

// A folder of this process, gone when it ends.
const fs::path& temporary_folder() {
  static const auto* folder = [] {
    auto* made =
        new fs::path(fs::temp_directory_path() / ("assay-models-" + std::to_string(::getpid())));
    fs::create_directories(*made);
    const auto remove = [] {
      std::error_code ignored;
      fs::remove_all(temporary_folder(), ignored);
    };
    std::atexit(remove);
    std::at_quick_exit(remove);
    return made;
  }();
  return *folder;
}

std::vector<TestModel> make_models(ShapeSet set) {
  std::vector<TestModel> models;
  for (reference::GoldenCase& golden : reference::read_golden(data_paths().golden_json)) {
    TestModel model;
    if (golden.config_json.empty()) {
      model.name = "stories";
      model.folder = data_paths().shipped_checkpoint;
    } else {
      // The reference has Llama 3's rope scaling; the engine refuses it by name, as its own tests
      // show.
      if (golden.name.starts_with("llama3")) continue;
      if (set == ShapeSet::kSmoke && golden.name != "gqa") continue;
      model.name = golden.name;
      model.folder = temporary_folder() / golden.name;
      reference::write_hashed_checkpoint(golden.config_json, model.folder);
    }
    model.golden = std::move(golden);
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace

std::vector<std::vector<int>> TestModel::held_out() const {
  std::vector<std::vector<int>> stories;
  if (!golden.config_json.empty()) return stories;
  std::ifstream file(data_paths().held_out);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::vector<int>& ids = stories.emplace_back();
    for (int id = 0; words >> id;) ids.push_back(id);
    if (!words.eof() || ids.size() < 2) {
      throw Error(std::string(data_paths().held_out) + ": line " + std::to_string(stories.size()) +
                  " is no list of token ids");
    }
  }
  if (stories.empty())
    throw Error(std::string(data_paths().held_out) + ": cannot be read, or is empty");
  return stories;
}

const std::vector<TestModel>& test_models(ShapeSet set) {
  static const std::vector<TestModel> models = make_models(set);  // one set per process
  return models;
}

}  // namespace assay::suites
