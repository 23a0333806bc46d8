// The three levels of verification; each registers its tests with GoogleTest.
#pragma once

#include "suites/fuzz.h"
#include "suites/options.h"
#include "suites/report.h"

namespace assay::suites {

/// Every op x version x dtype x shape of the set, or the one case that the options name; suites are
/// named after the op.
void register_kernel_tests(const Options& options, Report& report);
/// Cases drawn at random, a test for each op: suite "fuzz". The time is shared by the tests that
/// run; what was drawn is counted in `tally`.
void register_fuzz_tests(const Options& options, Report& report, FuzzTally& tally);
/// Blocks and whole layers of the test models: local and accumulated error. Suite "layer".
void register_layer_tests(const Options& options, Report& report);
/// Prefill and decode of the test models through all layers. Suite "generation".
void register_generation_tests(const Options& options, Report& report);

}  // namespace assay::suites
