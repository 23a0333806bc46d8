// The three levels of verification; each registers its tests with GoogleTest.
#pragma once

#include "suites/options.h"
#include "suites/report.h"

namespace assay::suites {

/// Every op x version x dtype x shape of the set; suites are named after the op.
void register_kernel_tests(const Options& options, Report& report);
/// Blocks and whole layers of the test models: local and accumulated error. Suite "layer".
void register_layer_tests(const Options& options, Report& report);
/// Prefill and decode of the test models through all layers. Suite "generation".
void register_generation_tests(const Options& options, Report& report);
/// Every mutant (suites/mutants/), or the one that `options` names: a test passes once a check has
/// failed on it. Suites "mutant.<op>". Throws InputError where none has the name.
void register_mutant_tests(const Options& options, Report& report);

}  // namespace assay::suites
