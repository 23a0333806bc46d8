// Every tensor of a step that is not a weight or the KV cache: pointers into one planned arena.
#pragma once

#include <cstddef>

#include "engine/config.h"
#include "engine/memory_plan.h"
#include "kernels/device/buffer.h"
#include "kernels/sampling/sampling.h"

namespace assay {

/// The largest step that an arena is planned for.
struct ActivationLimits {
  int batch = 1;       // B
  int t_max = 1;       // T_max: new tokens of one sequence; T is at most B * T_max
  int s = 64;          // S: cached tokens of one sequence
  int logit_rows = 1;  // B, or B * T_max where every row's logits are wanted
  bool share = true;   // unset: every tensor has bytes of its own, to find a wrong lifetime
};

/// Tensors of the forward pass with their lifetimes, placed. Pure arithmetic: `inspect` prints it
/// without a device.
MemoryPlan plan_activations(const ModelConfig& config, DType dtype, const ActivationLimits& limits);

/// The arena, and each tensor's place in it. A step smaller than the limits uses the front of each,
/// so that pointers never change and a recorded graph stays valid. Padded tensors have B * T_max
/// rows, packed ones T.
class Activations {
 public:
  Activations(const ModelConfig& config, DType dtype, const ActivationLimits& limits);

  // Written by the host before each step, in one copy.
  int* step_inputs;  // q_lens, past_lens, kv_lens, last_row_offset, then ids
  int* q_lens;       // (B)
  int* past_lens;    // (B)
  int* kv_lens;      // (B) past_lens + q_lens: also the length of each history
  int* last_row;     // (B) what padding_remove adds to b to find the last row of sequence b
  int* ids_padded;   // (B, T_max)
  // Written by the host when they change.
  float* inv_freq;           // (D / 2)
  SamplingParams* sampling;  // (B)
  int* history;              // (B, S): the tokens of each sequence so far

  int* cu_q_lens;       // (B + 1)
  int* padding_offset;  // (T)
  int* positions;       // (T)
  int* ids;             // (T)
  unsigned char* mask;  // (B, T_max, S)

  void* x;                    // (T, C) the residual stream
  void* attention_norm;       // (T, C)
  void* qkv;                  // (T, (H + 2G) D)
  void* q_padded;             // (B, T_max, H, D)
  void* k_all;                // (B, H, S, D) keys per query head; only where G < H
  void* v_all;                // (B, H, S, D)
  void* scores;               // (B, H, T_max, S)
  void* values_padded;        // (B, T_max, H, D)
  void* values;               // (T, H D)
  void* attention_output;     // (T, C)
  void* feed_forward_norm;    // (T, C)
  void* gate_up;              // (T, 2F)
  void* swiglu;               // (T, F)
  void* down;                 // (T, C)
  void* final_norm;           // (T, C)
  void* last_rows;            // (B, C)
  void* logits;               // (logit rows, V)
  float* sampling_workspace;  // (B, V)
  int* tokens;                // (B) what sampling picked

  const MemoryPlan& plan() const { return plan_; }

 private:
  MemoryPlan plan_;
  DeviceBuffer<std::byte> arena_;
};

}  // namespace assay
