// Philox4x32-10: random numbers as a pure function of a counter and a key (Salmon, Moraes, Dror and
// Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). No state: the same draw can be made
// anywhere, in any order.
#pragma once

#include "kernels/device/kernel.h"

namespace assay {

struct PhiloxCounter {
  unsigned word[4];
};

/// The four words that `counter` becomes under the key (key_lo, key_hi), in ten rounds.
__device__ __forceinline__ PhiloxCounter philox4x32_10(PhiloxCounter counter, unsigned key_lo,
                                                       unsigned key_hi) {
  constexpr unsigned MULTIPLIER_0 = 0xD2511F53u;
  constexpr unsigned MULTIPLIER_1 = 0xCD9E8D57u;
  constexpr unsigned WEYL_0 = 0x9E3779B9u;  // the golden ratio
  constexpr unsigned WEYL_1 = 0xBB67AE85u;  // sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const unsigned hi_0 = __umulhi(MULTIPLIER_0, counter.word[0]);
    const unsigned lo_0 = MULTIPLIER_0 * counter.word[0];
    const unsigned hi_1 = __umulhi(MULTIPLIER_1, counter.word[2]);
    const unsigned lo_1 = MULTIPLIER_1 * counter.word[2];
    counter = {{hi_1 ^ counter.word[1] ^ key_lo, lo_1, hi_0 ^ counter.word[3] ^ key_hi, lo_0}};
    key_lo += WEYL_0;
    key_hi += WEYL_1;
  }
  return counter;
}

}  // namespace assay
