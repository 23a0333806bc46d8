// Streams, events, graphs and copies: thin RAII owners over CUDA's, or the emulated device's.
#pragma once

#include <cstddef>
#include <functional>

struct CUstream_st;  // cudaStream_t is a pointer to it; the emulated device points to its own
struct CUevent_st;

namespace assay {

/// An in-order queue of device work. The emulated device runs each piece when it is queued.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Waits until everything queued has run. Throws Error naming what failed.
  void synchronize() const;
  CUstream_st* native() const { return handle_; }

 private:
  CUstream_st* handle_ = nullptr;
};

/// A point in a stream's work, for timing.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const Stream& stream);
  /// Microseconds from `start` to this event; waits for both.
  double elapsed_us_since(const Event& start) const;

 private:
  CUevent_st* handle_ = nullptr;
};

/// Device work recorded once and replayed as a whole: a CUDA graph.
class Graph {
 public:
  /// Records what `record` queues on `stream`, without running it. Allocating device memory or
  /// waiting for the stream inside `record` is an error.
  Graph(const Stream& stream, const std::function<void()>& record);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void replay(const Stream& stream) const;
  /// Kernel launches in one replay.
  std::size_t launches() const { return launches_; }

 private:
  void* executable_ = nullptr;
  std::size_t launches_ = 0;
};

/// Asynchronous copies and fills of `bytes` bytes, in stream order. Host memory must outlive them.
void copy_to_device(void* to, const void* from_host, std::size_t bytes, const Stream& stream);
void copy_to_host(void* to_host, const void* from, std::size_t bytes, const Stream& stream);
void copy_on_device(void* to, const void* from, std::size_t bytes, const Stream& stream);
void fill_bytes(void* to, int value, std::size_t bytes, const Stream& stream);
/// A fill that stands for nobody's write: where device code is traced, reading these bytes before
/// something else writes them is reported.
void poison(void* to, int value, std::size_t bytes, const Stream& stream);

/// Whether two ranges of device memory hold the same bytes; both start at a multiple of 16. Waits
/// for the stream. No launch of the program's own: it is neither counted nor traced.
bool same_bytes(const void* a, const void* b, std::size_t bytes, const Stream& stream);

}  // namespace assay
