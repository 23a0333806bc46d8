#include "suites/model_checks.h"

#include <algorithm>

namespace assay::suites {

HostTensor download(const void* device, DType dtype, std::vector<std::int64_t> shape,
                    const Stream& stream) {
  HostTensor tensor(dtype, std::move(shape));
  copy_to_host(tensor.bytes.data(), device, tensor.bytes.size(), stream);
  stream.synchronize();
  return tensor;
}

Verdict judge(const std::string& name, const HostTensor& found, const Answer& answer,
              int longest_sum, int roundings) {
  const ErrorStats same = error_between(answer.same_dtype, answer.exact);
  return compare_three_way({found}, {{{name, answer.exact, same.max_abs, same.rms}}}, longest_sum,
                           roundings);
}

Answer concatenate(const std::vector<Answer>& parts) {
  Answer all = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    all.shape[0] += parts[i].shape[0];
    all.exact.insert(all.exact.end(), parts[i].exact.begin(), parts[i].exact.end());
    all.same_dtype.insert(all.same_dtype.end(), parts[i].same_dtype.begin(),
                          parts[i].same_dtype.end());
  }
  return all;
}

std::vector<std::vector<int>> ragged_prompts(int vocab, int context, std::uint64_t seed) {
  Random random(seed_for(seed, "prompts"));
  std::vector<std::vector<int>> prompts;
  for (const int length : {7, 1, std::min(19, context / 2)}) {
    std::vector<int> prompt;
    for (int i = 0; i < length; ++i) prompt.push_back(random.between(3, vocab - 1));
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

}  // namespace assay::suites
