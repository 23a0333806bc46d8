// The list of ops. Adding one: its folder, and one line here.
#include "kernels/op.h"
#include "kernels/rms_norm/rms_norm.h"

namespace assay {
namespace {

template <class Args>
OpNames names_of(const Op<Args>& op) {
  OpNames names{op.name, {}};
  for (const Version<Args>& version : op.versions) names.versions.emplace_back(version.name);
  return names;
}

}  // namespace

const std::vector<OpNames>& all_ops() {
  static const std::vector<OpNames> ops{
      names_of(rms_norm_op()),
  };
  return ops;
}

}  // namespace assay
