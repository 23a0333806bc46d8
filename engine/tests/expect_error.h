// EXPECT_INPUT_ERROR(statement, "part of the message", ...): the statement must throw InputError
// whose message holds every one of the parts.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "kernels/device/error.h"

namespace assay::testing {

inline void expect_parts(const std::string& message, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' not in: " << message;
  }
}

}  // namespace assay::testing

#define EXPECT_INPUT_ERROR(statement, ...)                       \
  try {                                                          \
    statement;                                                   \
    ADD_FAILURE() << "expected an InputError from " #statement;  \
  } catch (const ::assay::InputError& error) {                   \
    ::assay::testing::expect_parts(error.what(), {__VA_ARGS__}); \
  }
