// Picks the next token of each sequence from its logits. Exact, and the same alone as in a batch.
//
// In this order, each step in fp32 (Hugging Face's order of logits processors):
//   1. repetition penalty: logit > 0 ? logit / penalty : logit * penalty, once for each token that
//      occurs in the sequence's history
//   2. temperature 0: the largest logit wins, the lowest index among equals; done. Else divide by
//   it.
//   3. top_k: keep the k largest (0: all)
//   4. top_p: of these, the smallest set of most likely tokens whose probability reaches top_p
//   5. min_p: of these, the tokens with p >= min_p * max p
//   6. u = (word0 >> 8) * 2^-24, word0 the first word of Philox4x32-10 (Salmon et al., 2011) with
//      key = seed and counter = (history length, 0, 0, 0); the first token in index order whose
//      cumulative kept probability exceeds u * total
// Tokens equal to the last one kept by 3 or 4 are kept too, so that the result does not depend on a
// sort order. NaN logits are never picked while a number is there.
#pragma once

#include <cstdint>

#include "kernels/device/dtype.h"
#include "kernels/op.h"

namespace assay {

/// One sequence's sampling parameters, as the kernel reads them from device memory.
struct SamplingParams {
  float temperature = 0.0f;         // 0: greedy
  int top_k = 0;                    // 0: no limit
  float top_p = 1.0f;               // 1: no limit
  float min_p = 0.0f;               // 0: no limit
  float repetition_penalty = 1.0f;  // 1: none
  std::uint64_t seed = 0;
};

struct SamplingArgs {
  int* tokens;                   // (B)
  float* workspace;              // (B, V) scratch
  const void* logits;            // (B, V) dtype
  const SamplingParams* params;  // (B)
  const int* history;            // (B, history_stride): tokens of the sequence so far
  const int* history_lens;       // (B), each <= history_stride
  int batch;                     // B
  int vocab;                     // V
  int history_stride;
  DType dtype;  // fp32, fp16, bf16
};

const Op<SamplingArgs>& sampling_op();

}  // namespace assay
