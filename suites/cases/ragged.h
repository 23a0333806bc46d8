// A ragged batch for the cases that pack, mask and cache: lengths, and where each token stands.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "suites/host_tensor.h"

namespace assay::suites {

struct Ragged {
  int t_max = 0;
  int tokens = 0;
  std::vector<double> q_lens;          // (B)
  std::vector<double> past_lens;       // (B)
  std::vector<double> kv_lens;         // (B) past_lens + q_lens
  std::vector<double> cu_q_lens;       // (B + 1)
  std::vector<double> padding_offset;  // (T)
  std::vector<double> positions;       // (T)

  int kv_max() const { return static_cast<int>(*std::max_element(kv_lens.begin(), kv_lens.end())); }
};

/// How long the sequences of a batch are. All of them as the longest; or the first, with the others
/// shorter, none at all among them; or, for any larger number, drawn from that, one the longest.
constexpr int EVEN = 0;
constexpr int STAGGERED = 1;
/// That a fuzzer draws.
constexpr int MOST_LENGTHS = 99;

/// The longest sequence has t_max new tokens and `past` cached ones; `lengths` is one of the above.
inline Ragged ragged(int batch, int t_max, int past, int lengths) {
  Random random(seed_for(static_cast<std::uint64_t>(lengths), "lengths"));
  const int longest = random.between(0, batch - 1);
  Ragged r;
  r.t_max = t_max;
  r.cu_q_lens.push_back(0);
  for (int b = 0; b < batch; ++b) {
    int length = t_max;
    int before = past;
    if (lengths == STAGGERED) {
      length = t_max - b * 5 % (t_max + 1);
      before = past - b * 3 % (past + 1);
    } else if (lengths != EVEN && b != longest) {
      length = random.between(0, t_max);
      before = random.between(0, past);
    }
    for (int j = 0; j < length; ++j) {
      r.padding_offset.push_back(b * t_max - r.tokens);
      r.positions.push_back(before + j);
    }
    r.tokens += length;
    r.q_lens.push_back(length);
    r.past_lens.push_back(before);
    r.kv_lens.push_back(before + length);
    r.cu_q_lens.push_back(r.tokens);
  }
  return r;
}

}  // namespace assay::suites
