// Fibers: Boost.Context's switch, with stacks that end in an inaccessible page, and the
// announcements that AddressSanitizer wants when the stack changes under it.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace assay::emulated {

/// A stack of `bytes` with an inaccessible page below it. Throws Error when memory is short.
class FiberStack {
 public:
  explicit FiberStack(std::size_t bytes);
  ~FiberStack();
  FiberStack(FiberStack&& other) noexcept;
  FiberStack(const FiberStack&) = delete;

  char* bottom() const { return bottom_; }
  char* top() const { return bottom_ + bytes_; }
  std::size_t bytes() const { return bytes_; }
  /// Whether `address` lies in the page below the stack: an overflow.
  bool overflowed_at(const char* address) const;

 private:
  char* bottom_;
  std::size_t bytes_;
};

/// One side of a switch: where it continues, and its stack as AddressSanitizer knows it.
struct FiberSide {
  boost::context::detail::fcontext_t context = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
  void* fake_stack = nullptr;
};

/// Leaves `from` for `to`; returns when somebody switches back. `data` reaches a new fiber's entry.
inline void switch_fiber([[maybe_unused]] FiberSide& from, FiberSide& to, void* data,
                         [[maybe_unused]] bool from_ends = false) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.fake_stack, to.stack_bottom,
                                 to.stack_bytes);
#endif
  const auto back = boost::context::detail::jump_fcontext(to.context, data);
  to.context = back.fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

}  // namespace assay::emulated
