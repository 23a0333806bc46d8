#include "suites/accounting.h"

#include "kernels/device/properties.h"
#include "kernels/device/work.h"
#include "suites/kernel_run.h"
#include "suites/rows.h"

namespace assay::suites {

void account_step(reports::Row& row, const std::function<void()>& step) {
  reset_memory_stats();
  reset_work();
  const std::uint64_t launches = launch_count();
  step();
  row.set("launches", launch_count() - launches);
  row.set("allocations", memory_stats().allocations);
  row.set("peak_mem_bytes", memory_stats().peak_bytes);
  if (const auto work = counted_work()) describe_work(row, *work);
}

}  // namespace assay::suites
