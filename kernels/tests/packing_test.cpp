// What packs, spreads and masks a ragged batch: padding offsets, removal and restoration, the
// causal mask, and the embedding look-up.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/causal_mask/causal_mask.h"
#include "kernels/embedding/embedding.h"
#include "kernels/padding_offsets/padding_offsets.h"
#include "kernels/padding_remove/padding_remove.h"
#include "kernels/padding_restore/padding_restore.h"
#include "kernels/tests/tensors.h"

namespace assay {
namespace {

using Bytes = std::vector<unsigned char>;
using Ints = std::vector<int>;

struct Batch {
  Ints q_lens;
  Ints past_lens;

  int size() const { return static_cast<int>(q_lens.size()); }
  int tokens() const { return std::accumulate(q_lens.begin(), q_lens.end(), 0); }
  int t_max() const { return *std::max_element(q_lens.begin(), q_lens.end()); }
  /// Calls f(t, b, j): packed row t is token j of sequence b.
  template <class F>
  void for_each_token(F&& f) const {
    int t = 0;
    for (int b = 0; b < size(); ++b) {
      for (int j = 0; j < q_lens[static_cast<std::size_t>(b)]; ++j) f(t++, b, j);
    }
  }
};

// One sequence, an empty one between others, lengths around a block, more sequences than lanes.
std::vector<Batch> batches() {
  std::vector<Batch> all{
      {{1}, {0}}, {{3, 0, 5, 1}, {0, 2, 7, 40}}, {{257, 255, 0}, {0, 1, 300}}, {}};
  for (int b = 0; b < 70; ++b) {
    all.back().q_lens.push_back(b * 7 % 5);
    all.back().past_lens.push_back(b * 11 % 90);
  }
  return all;
}

Bytes random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  Bytes bytes(count);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(generator());
  return bytes;
}

std::size_t z(long long value) { return static_cast<std::size_t>(value); }

TEST(PaddingOffsets, AgreeWithTheDefinition) {
  const Stream stream;
  for (const Batch& batch : batches()) {
    Ints cu(z(batch.size()) + 1, 0);
    Ints offset(z(batch.tokens()));
    Ints position(z(batch.tokens()));
    batch.for_each_token([&](int t, int b, int j) {
      offset[z(t)] = b * batch.t_max() + j - t;
      position[z(t)] = batch.past_lens[z(b)] + j;
    });
    std::partial_sum(batch.q_lens.begin(), batch.q_lens.end(), cu.begin() + 1);

    const DeviceBuffer<int> q_lens(batch.q_lens, stream);
    const DeviceBuffer<int> past_lens(batch.past_lens, stream);
    DeviceBuffer<int> found_cu(cu.size());
    DeviceBuffer<int> found_offset(offset.size());
    DeviceBuffer<int> found_position(position.size());
    KernelSet().run(padding_offsets_op(),
                    {found_cu.data(), found_offset.data(), found_position.data(), q_lens.data(),
                     past_lens.data(), batch.size(), batch.tokens(), batch.t_max()},
                    stream);
    EXPECT_EQ(found_cu.to_host(stream), cu);
    EXPECT_EQ(found_offset.to_host(stream), offset);
    EXPECT_EQ(found_position.to_host(stream), position);
  }
}

TEST(Padding, RemovalAndRestorationMoveWholeRowsOfAnyType) {
  const Stream stream;
  for (const Batch& batch : batches()) {
    Ints offset(z(batch.tokens()));
    Ints cu(z(batch.size()) + 1, 0);
    batch.for_each_token([&](int t, int b, int j) { offset[z(t)] = b * batch.t_max() + j - t; });
    std::partial_sum(batch.q_lens.begin(), batch.q_lens.end(), cu.begin() + 1);
    const DeviceBuffer<int> padding_offset(offset, stream);
    const DeviceBuffer<int> cu_q_lens(cu, stream);
    const int slots = batch.size() * batch.t_max();

    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kI32, DType::kU8}) {
      for (const int width : {1, 7, 257}) {
        const std::size_t row = z(width) * size_of(dtype);
        const std::size_t stride = row + 3 * size_of(dtype);  // three columns that are not read
        const Bytes padded = random_bytes(z(slots) * row, 1);
        const Bytes packed = random_bytes(z(batch.tokens()) * stride, 2);
        Bytes removed(z(batch.tokens()) * row);
        Bytes restored(z(slots) * row, 0);
        batch.for_each_token([&](int t, int b, int j) {
          const std::size_t slot = z(b) * z(batch.t_max()) + z(j);
          std::copy_n(&padded[slot * row], row, &removed[z(t) * row]);
          std::copy_n(&packed[z(t) * stride], row, &restored[slot * row]);
        });

        const DeviceBuffer<unsigned char> x(padded, stream);
        DeviceBuffer<unsigned char> y(removed.size());
        KernelSet().run(padding_remove_op(),
                        {y.data(), x.data(), padding_offset.data(), batch.tokens(), width, dtype},
                        stream);
        EXPECT_EQ(y.to_host(stream), removed) << name_of(dtype) << " " << width;

        const DeviceBuffer<unsigned char> from(packed, stream);
        DeviceBuffer<unsigned char> to(restored.size());
        KernelSet().run(padding_restore_op(),
                        {to.data(), from.data(), cu_q_lens.data(), batch.size(), batch.t_max(),
                         width, width + 3, dtype},
                        stream);
        EXPECT_EQ(to.to_host(stream), restored) << name_of(dtype) << " " << width;
      }
    }
  }
}

TEST(CausalMask, ShowsThePastAndOneself) {
  const Stream stream;
  for (const Batch& batch : batches()) {
    for (const int slots : {1, 300}) {
      Bytes expected(z(batch.size()) * z(batch.t_max()) * z(slots), 0);
      batch.for_each_token([&](int, int b, int j) {
        unsigned char* row = &expected[(z(b) * z(batch.t_max()) + z(j)) * z(slots)];
        for (int s = 0; s < slots; ++s) row[s] = s <= batch.past_lens[z(b)] + j ? 1 : 0;
      });
      const DeviceBuffer<int> q_lens(batch.q_lens, stream);
      const DeviceBuffer<int> past_lens(batch.past_lens, stream);
      DeviceBuffer<unsigned char> mask(expected.size());
      KernelSet().run(
          causal_mask_op(),
          {mask.data(), q_lens.data(), past_lens.data(), batch.size(), batch.t_max(), slots},
          stream);
      EXPECT_EQ(mask.to_host(stream), expected);
    }
  }
}

TEST(Embedding, CopiesRowsBitByBit) {
  const Stream stream;
  const Ints ids{4, 0, 4, 2, 3, 1, 1};
  for (const DType dtype : testing::FLOAT_DTYPES) {
    for (const int width : {1, 33, 256, 257}) {
      const std::size_t row = z(width) * size_of(dtype);
      const Bytes table = random_bytes(5 * row, 3);  // NaNs of every kind among them
      Bytes expected;
      for (const int id : ids) {
        expected.insert(expected.end(), &table[z(id) * row], &table[z(id) * row] + row);
      }
      const DeviceBuffer<unsigned char> on_device(table, stream);
      const DeviceBuffer<int> id_buffer(ids, stream);
      DeviceBuffer<unsigned char> y(expected.size());
      KernelSet().run(embedding_op(),
                      {y.data(), on_device.data(), id_buffer.data(), static_cast<int>(ids.size()),
                       width, 5, dtype},
                      stream);
      EXPECT_EQ(y.to_host(stream), expected) << name_of(dtype) << " " << width;
    }
  }
}

// An empty grid is not a launch: a problem without tokens is refused in words.
TEST(Packing, RefusesProblemsWithoutTokens) {
  const Properties& device = properties();
  EXPECT_EQ(embedding_op().versions[0].unsupported(
                {nullptr, nullptr, nullptr, 0, 1, 1, DType::kF32}, device),
            "tokens is 0, not positive");
  EXPECT_EQ(padding_remove_op().versions[0].unsupported(
                {nullptr, nullptr, nullptr, 0, 1, DType::kF32}, device),
            "tokens is 0, not positive");
  EXPECT_EQ(padding_restore_op().versions[0].unsupported(
                {nullptr, nullptr, nullptr, 1, 1, 8, 7, DType::kF32}, device),
            "width is 8, above 7");
  EXPECT_EQ(causal_mask_op().versions[0].unsupported(
                {nullptr, nullptr, nullptr, 1 << 16, 1 << 16, 1}, device),
            "batch * t_max is 4294967296, above 2147483647");
}

}  // namespace
}  // namespace assay
