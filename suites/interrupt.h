// Ctrl-C: the first asks the program to stop at the next good moment, the second kills it.
#pragma once

namespace assay::suites {

/// From now on SIGINT and SIGTERM only make a note of themselves, once; then they kill again.
void catch_interrupts();
/// The signal that came, or 0. May be asked at any time, from any thread.
int interrupted();

/// Thrown where work is given up because of it.
struct Interrupted {};
/// Throws Interrupted after a signal: to be called between one row's work and the next.
void stop_if_interrupted();

}  // namespace assay::suites
