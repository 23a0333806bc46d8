// planted_fault NAME: runs one kernel with a planted fault on a GPU, for a tool of
// compute-sanitizer that must notice it, or `none`, which no tool may complain of.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "kernels/device/buffer.h"
#include "kernels/device/tests/faults.h"

namespace {

int run(const std::string& fault) {
  using namespace assay;
  const Stream stream;
  DeviceBuffer<int> x(faults::BLOCK, "x");
  DeviceBuffer<int> y(faults::BLOCK, "y");
  const std::vector<int> numbers(faults::BLOCK, 1);
  fill_bytes(y.data(), 0, y.size_bytes(), stream);
  if (fault != "unwritten") x.copy_from(numbers, stream);
  stream.synchronize();
  if (fault == "none") {
    faults::reverse(y.data(), x.data(), true, stream);
  } else if (fault == "stray") {  // memcheck
    faults::write_at(y.data(), 1, stream);
  } else if (fault == "race") {  // racecheck
    faults::reverse(y.data(), x.data(), false, stream);
  } else if (fault == "unwritten") {  // initcheck, with ASSAY_POISON=0
    faults::read_at(y.data(), x.data(), 0, stream);
  } else if (fault == "barrier") {  // synccheck; threads that return early are none to it
    faults::extra_barrier(y.data(), 16, stream);
  } else {
    std::fprintf(stderr, "planted_fault: none, stray, race, unwritten or barrier\n");
    return 2;
  }
  stream.synchronize();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc == 2 ? argv[1] : "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "planted_fault: %s\n", error.what());
    return 1;
  }
}
