// Turns a memory fault in device code into a report that names buffer, block and thread.
#pragma once

#include <cstddef>

namespace assay::emulated {

/// Installs the handler once in the process, and its signal stack in every thread that runs blocks.
void install_fault_handler();
/// Gives the calling OS thread a signal stack, so that a fiber's stack overflow can be reported.
void prepare_thread_for_faults();
/// The bounds of the calling OS thread's own stack, for AddressSanitizer's fiber announcements.
void note_own_stack(const void** bottom, std::size_t* bytes);

}  // namespace assay::emulated
