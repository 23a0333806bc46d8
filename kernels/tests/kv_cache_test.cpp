// The KV cache: what append writes and leaves alone, and what broadcast reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "kernels/kv_append/kv_append.h"
#include "kernels/kv_broadcast/kv_broadcast.h"
#include "kernels/tests/tensors.h"

namespace assay {
namespace {

using Bytes = std::vector<unsigned char>;

std::size_t z(long long value) { return static_cast<std::size_t>(value); }

Bytes random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  Bytes bytes(count);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(generator());
  return bytes;
}

TEST(KvAppend, WritesTheSlotsOfItsTokensAndNoOthers) {
  constexpr int BATCH = 3;
  constexpr int T_MAX = 3;
  constexpr int S_MAX = 11;
  const std::vector<int> sequence{0, 0, 0, 2};  // sequence 1 has no new token
  const std::vector<int> position{8, 9, 10, 0};
  const std::vector<int> slot{0, 1, 2, 6};
  std::vector<int> offset;
  for (int t = 0; t < 4; ++t) offset.push_back(slot[z(t)] - t);
  const Stream stream;
  const DeviceBuffer<int> positions(position, stream);
  const DeviceBuffer<int> padding_offset(offset, stream);

  struct Shape {
    int heads, kv_heads, head_dim;
  };
  for (const DType dtype : testing::FLOAT_DTYPES) {
    for (const Shape s : {Shape{2, 1, 5}, Shape{4, 4, 64}, Shape{6, 3, 128}}) {
      const std::size_t head = z(s.head_dim) * size_of(dtype);
      const Bytes qkv = random_bytes(4 * z(s.heads + 2 * s.kv_heads) * head, 1);
      // Every slot starts as garbage, which must still be there afterwards.
      Bytes k = random_bytes(z(BATCH * s.kv_heads * S_MAX) * head, 2);
      Bytes v = random_bytes(k.size(), 3);
      DeviceBuffer<unsigned char> k_cache(k, stream);
      DeviceBuffer<unsigned char> v_cache(v, stream);
      for (int t = 0; t < 4; ++t) {
        for (int g = 0; g < s.kv_heads; ++g) {
          const std::size_t to =
              z((sequence[z(t)] * s.kv_heads + g) * S_MAX + position[z(t)]) * head;
          const std::size_t row = z(t * (s.heads + 2 * s.kv_heads));
          std::copy_n(&qkv[(row + z(s.heads + g)) * head], head, &k[to]);
          std::copy_n(&qkv[(row + z(s.heads + s.kv_heads + g)) * head], head, &v[to]);
        }
      }
      const DeviceBuffer<unsigned char> x(qkv, stream);
      KernelSet().run(
          kv_append_op(),
          {k_cache.data(), v_cache.data(), x.data(), positions.data(), padding_offset.data(), 4,
           T_MAX, s.heads, s.kv_heads, S_MAX, s.head_dim, dtype},
          stream);
      EXPECT_EQ(k_cache.to_host(stream), k) << name_of(dtype) << " " << s.head_dim;
      EXPECT_EQ(v_cache.to_host(stream), v) << name_of(dtype) << " " << s.head_dim;
    }
  }
}

TEST(KvBroadcast, RepeatsGroupsAndZeroesWhatIsNotCached) {
  struct Shape {
    int heads, kv_heads, s, s_max, head_dim;
  };
  const std::vector<int> lens{5, 0, 7};
  const Stream stream;
  const DeviceBuffer<int> kv_lens(lens, stream);
  for (const DType dtype : testing::FLOAT_DTYPES) {
    for (const Shape a : {Shape{4, 2, 7, 9, 3}, Shape{3, 3, 7, 7, 64}, Shape{8, 1, 8, 16, 128}}) {
      const std::size_t head = z(a.head_dim) * size_of(dtype);
      // Garbage in the slots beyond kv_len: none of it may show.
      const Bytes cache = random_bytes(lens.size() * z(a.kv_heads * a.s_max) * head, 4);
      Bytes expected(lens.size() * z(a.heads * a.s) * head, 0);
      for (int b = 0; b < 3; ++b) {
        for (int h = 0; h < a.heads; ++h) {
          const int g = h / (a.heads / a.kv_heads);
          std::copy_n(&cache[z((b * a.kv_heads + g) * a.s_max) * head], z(lens[z(b)]) * head,
                      &expected[z((b * a.heads + h) * a.s) * head]);
        }
      }
      const DeviceBuffer<unsigned char> from(cache, stream);
      DeviceBuffer<unsigned char> y(expected.size());
      KernelSet().run(kv_broadcast_op(),
                      {y.data(), from.data(), kv_lens.data(), 3, a.heads, a.kv_heads, a.s, a.s_max,
                       a.head_dim, dtype},
                      stream);
      EXPECT_EQ(y.to_host(stream), expected) << name_of(dtype) << " " << a.head_dim;
    }
  }
}

TEST(KvBroadcast, RefusesHeadsThatDoNotShareEvenly) {
  EXPECT_EQ(kv_broadcast_op().versions[0].unsupported(
                {nullptr, nullptr, nullptr, 1, 6, 4, 1, 1, 8, DType::kF16}, properties()),
            "heads 6 is not a multiple of kv_heads 4");
}

}  // namespace
}  // namespace assay
