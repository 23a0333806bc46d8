// Completing GoogleTest's JUnit XML where a run ended early: GoogleTest writes a test that never
// started, or was skipped against expectation, as one that did not fail.
#pragma once

#include <map>
#include <string>

namespace assay::suites {

/// Marks each test of `not_run` (full name -> why) as failed in `xml`, which GoogleTest wrote; adds
/// those that it does not have in a suite of their own, "NOT_RUN". The counts of tests and failures
/// in the root element follow. Text that is no such XML comes back with the added suite only.
std::string mark_not_run(const std::string& xml, const std::map<std::string, std::string>& not_run);

/// `text` as an attribute's value: entities for what XML reserves, no control characters.
std::string escape_xml(const std::string& text);

}  // namespace assay::suites
