#include <gtest/gtest.h>

#include "reference/leave.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  assay::reference::leave(RUN_ALL_TESTS());
}
