#include "kernels/device/emulated/fault.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>

#include "kernels/device/emulated/block.h"
#include "kernels/device/emulated/memory.h"
#include "kernels/device/error.h"

namespace assay::emulated {
namespace {

struct FaultRecord {
  char* address = nullptr;
  bool write = false;
};
thread_local FaultRecord fault_record;
struct sigaction previous_segv;
struct sigaction previous_bus;

// Runs on the faulting fiber once the signal handler has returned: no longer in signal context, so
// it may allocate and switch fibers.
[[noreturn]] void report_fault() {
  const auto address = reinterpret_cast<std::uintptr_t>(fault_record.address);
  const std::string what = fault_record.write ? "wrote to " : "read ";
  if (current_runner->stack_overflow_at(fault_record.address)) {
    current_runner->fail("overflowed its stack: large local arrays or deep recursion");
  }
  const std::string where = describe_address(address);
  if (!where.empty()) current_runner->fail(what + where);
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(address));
  current_runner->fail(what + "address " + text + ", which is no device memory");
}

void handle(int signal, siginfo_t* info, void* context) {
#if defined(__x86_64__)
  if (current_indices != nullptr) {
    auto* machine = &static_cast<ucontext_t*>(context)->uc_mcontext;
    fault_record.address = static_cast<char*>(info->si_addr);
    fault_record.write = (machine->gregs[REG_ERR] & 2) != 0;
    // Continue in report_fault, as if it had been called: below the red zone, aligned for a call.
    auto stack = static_cast<std::uintptr_t>(machine->gregs[REG_RSP]);
    if (current_runner->stack_overflow_at(fault_record.address)) {
      stack = reinterpret_cast<std::uintptr_t>(current_runner->spare_stack_top());
    }
    stack = (stack - 512) & ~std::uintptr_t{15};
    machine->gregs[REG_RSP] = static_cast<greg_t>(stack - 8);
    machine->gregs[REG_RIP] = static_cast<greg_t>(reinterpret_cast<std::uintptr_t>(&report_fault));
    return;
  }
#endif
  const struct sigaction& previous = signal == SIGBUS ? previous_bus : previous_segv;
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
    return;
  }
  ::signal(signal, SIG_DFL);  // the access faults again, and the process ends as it would have
}

// A signal stack of this OS thread, given back when the thread ends.
class SignalStack {
 public:
  SignalStack() {
    stack_t now{};
    sigaltstack(nullptr, &now);
    if ((now.ss_flags & SS_DISABLE) == 0) return;  // a sanitizer's is as good
    memory_ = mmap(nullptr, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) {
      memory_ = nullptr;
      return;
    }
    stack_t ours{};
    ours.ss_sp = memory_;
    ours.ss_size = BYTES;
    sigaltstack(&ours, nullptr);
  }
  ~SignalStack() {
    if (memory_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    munmap(memory_, BYTES);
  }

 private:
  static constexpr std::size_t BYTES = 64 * 1024;
  void* memory_ = nullptr;
};

}  // namespace

void install_fault_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous_segv);
    sigaction(SIGBUS, &action, &previous_bus);
  });
}

void prepare_thread_for_faults() { thread_local const SignalStack stack; }

void note_own_stack(const void** bottom, std::size_t* bytes) {
  thread_local const std::pair<const void*, std::size_t> bounds = [] {
    pthread_attr_t attributes;
    void* base = nullptr;
    std::size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
      pthread_attr_getstack(&attributes, &base, &size);
      pthread_attr_destroy(&attributes);
    }
    return std::pair<const void*, std::size_t>(base, size);
  }();
  *bottom = bounds.first;
  *bytes = bounds.second;
}

FiberStack::FiberStack(std::size_t bytes) : bottom_(nullptr), bytes_(bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* mapping = mmap(nullptr, bytes + page, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED ||
      mprotect(static_cast<char*>(mapping) + page, bytes, PROT_READ | PROT_WRITE) != 0) {
    throw Error(std::string("no memory for the stack of an emulated thread: ") +
                std::strerror(errno));
  }
  bottom_ = static_cast<char*>(mapping) + page;
}

FiberStack::FiberStack(FiberStack&& other) noexcept
    : bottom_(std::exchange(other.bottom_, nullptr)), bytes_(other.bytes_) {}

FiberStack::~FiberStack() {
  if (bottom_ == nullptr) return;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  munmap(bottom_ - page, bytes_ + page);
}

bool FiberStack::overflowed_at(const char* address) const {
  return address < bottom_ && address >= bottom_ - sysconf(_SC_PAGESIZE);
}

}  // namespace assay::emulated
