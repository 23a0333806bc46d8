// The exceptions of the host side. A message says what was asked, what was found and what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace assay {

/// Anything that went wrong at the host boundary: a CUDA call, a launch, an emulated-device fault.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the user gave cannot be used: a file, a shape, an option. Programs exit with code 2 on it.
struct InputError : Error {
  using Error::Error;
};

}  // namespace assay
