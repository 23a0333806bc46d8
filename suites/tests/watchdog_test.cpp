#include "suites/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "kernels/device/error.h"
#include "suites/options.h"

namespace assay::suites {
namespace {

using namespace std::chrono_literals;

TEST(Watchdog, CallsOnceWhenTheTimeIsUp) {
  std::atomic<int> calls = 0;
  std::string what;
  Watchdog watchdog(20ms, [&](const std::string& name) {
    what = name;
    calls = calls + 1;
  });
  watchdog.begin("a body that sleeps");
  std::this_thread::sleep_for(200ms);
  watchdog.end();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(what, "a body that sleeps");
}

TEST(Watchdog, LetsQuickWorkPass) {
  std::atomic<int> calls = 0;
  Watchdog watchdog(10s, [&](const std::string&) { calls = calls + 1; });
  for (int i = 0; i < 1000; ++i) {
    watchdog.begin("quick");
    watchdog.end();
  }
  EXPECT_EQ(calls, 0);
}

TEST(Watchdog, EachBeginStartsTheTimeAnew) {
  std::atomic<int> calls = 0;
  Watchdog watchdog(1s, [&](const std::string&) { calls = calls + 1; });
  for (int i = 0; i < 8; ++i) {  // 1.6 s in all, no one longer than 0.2 s
    watchdog.begin("part");
    std::this_thread::sleep_for(200ms);
    watchdog.end();
  }
  EXPECT_EQ(calls, 0);
}

TEST(Watchdog, EndWaitsForAHandlerThatHasBegun) {
  std::atomic<bool> done = false;
  std::atomic<bool> begun = false;
  Watchdog watchdog(1ms, [&](const std::string&) {
    begun = true;
    std::this_thread::sleep_for(50ms);
    done = true;
  });
  watchdog.begin("slow");
  while (!begun) std::this_thread::sleep_for(1ms);
  watchdog.end();
  EXPECT_TRUE(done);
}

TEST(Watchdog, ZeroIsNoLimit) {
  std::atomic<int> calls = 0;
  Watchdog watchdog(0s, [&](const std::string&) { calls = calls + 1; });
  watchdog.begin("forever");
  std::this_thread::sleep_for(20ms);
  watchdog.end();
  EXPECT_EQ(calls, 0);
}

TEST(Options, ReadsTimes) {
  EXPECT_EQ(parse_duration_s("--timeout", "90"), 90.0);
  EXPECT_EQ(parse_duration_s("--timeout", "1.5s"), 1.5);
  EXPECT_EQ(parse_duration_s("--timeout", "500ms"), 0.5);
  EXPECT_EQ(parse_duration_s("--timeout", "2m"), 120.0);
  EXPECT_EQ(parse_duration_s("--timeout", "1h"), 3600.0);
  for (const char* wrong : {"", "s", "-1s", "nan", "inf", "10 s", "5d", "1e999"}) {
    EXPECT_THROW(parse_duration_s("--timeout", wrong), InputError) << wrong;
  }
}

}  // namespace
}  // namespace assay::suites
