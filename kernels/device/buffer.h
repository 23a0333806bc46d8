// DeviceBuffer<T>: the only owner of device memory.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/device/stream.h"

namespace assay {

namespace detail {
/// Device memory, aligned to 16 bytes at least. `name` appears in fault reports and out-of-memory
/// errors.
void* allocate(std::size_t bytes, const std::string& name);
void deallocate(void* data) noexcept;
}  // namespace detail

/// `count` elements of T in device memory: move-only, uninitialised (poisoned on the emulated
/// device, which also puts inaccessible pages around it and reports any use after it is freed).
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(std::size_t count, const std::string& name = "buffer")
      : data_(static_cast<T*>(detail::allocate(count * sizeof(T), name))), count_(count) {}
  /// Holds a copy of `host`, complete when the constructor returns.
  DeviceBuffer(std::span<const T> host, const Stream& stream, const std::string& name = "buffer")
      : DeviceBuffer(host.size(), name) {
    copy_from(host, stream);
    stream.synchronize();
  }
  ~DeviceBuffer() { detail::deallocate(data_); }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return count_; }
  std::size_t size_bytes() const { return count_ * sizeof(T); }

  /// Queues a copy of `host` to the front of the buffer; `host` must outlive it.
  void copy_from(std::span<const T> host, const Stream& stream) {
    copy_to_device(data_, host.data(), host.size_bytes(), stream);
  }
  /// The whole buffer on the host; waits for the stream.
  std::vector<T> to_host(const Stream& stream) const {
    std::vector<T> host(count_);
    copy_to_host(host.data(), data_, size_bytes(), stream);
    stream.synchronize();
    return host;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace assay
