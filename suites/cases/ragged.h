// A ragged batch for the cases that pack, mask and cache: lengths, and where each token stands.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

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

/// The first sequence has t_max new tokens and `past` cached ones. Where `even`, so have all; else
/// the others have fewer, none at all among them.
inline Ragged ragged(int batch, int t_max, int past, bool even = false) {
  Ragged r;
  r.t_max = t_max;
  r.cu_q_lens.push_back(0);
  for (int b = 0; b < batch; ++b) {
    const int length = even ? t_max : t_max - b * 5 % (t_max + 1);
    const int before = even ? past : past - b * 3 % (past + 1);
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
