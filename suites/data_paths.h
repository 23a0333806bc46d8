// What verify reads at run time, out of the source folder that it was built in.
#pragma once

namespace assay::suites {

struct DataPaths {
  const char* golden_json;         ///< Transformers' values, and the models that they are of.
  const char* held_out;            ///< Stories that the shipped checkpoint was not trained on.
  const char* shipped_checkpoint;  ///< A folder as Hugging Face has it.
};

/// In a file of its own: these are all that differs between builds of one commit in two folders,
/// which the compilers' cache and `bisect` then know to be the same.
const DataPaths& data_paths();

}  // namespace assay::suites
