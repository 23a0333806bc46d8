#include "suites/interrupt.h"

#include <atomic>
#include <csignal>
#include <initializer_list>

namespace assay::suites {
namespace {

std::atomic<int> caught{0};
static_assert(std::atomic<int>::is_always_lock_free);  // as a signal handler needs

extern "C" void note_signal(int number) { caught = number; }

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
}

int interrupted() { return caught; }

void stop_if_interrupted() {
  if (interrupted() != 0) throw Interrupted{};
}

}  // namespace assay::suites
