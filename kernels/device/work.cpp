#include "kernels/device/work.h"

namespace assay {

Work& Work::operator+=(const Work& other) {
  launches += other.launches;
  requests_read += other.requests_read;
  requests_written += other.requests_written;
  sectors_read += other.sectors_read;
  sectors_written += other.sectors_written;
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  shared_requests += other.shared_requests;
  bank_conflicts += other.bank_conflicts;
  barriers += other.barriers;
  shuffles += other.shuffles;
  atomics += other.atomics;
  return *this;
}

bool Work::operator==(const Work& other) const {
  return launches == other.launches && requests_read == other.requests_read &&
         requests_written == other.requests_written && sectors_read == other.sectors_read &&
         sectors_written == other.sectors_written && bytes_read == other.bytes_read &&
         bytes_written == other.bytes_written && shared_requests == other.shared_requests &&
         bank_conflicts == other.bank_conflicts && barriers == other.barriers &&
         shuffles == other.shuffles && atomics == other.atomics;
}

#ifndef ASSAY_TRACED
bool counts_work() { return false; }
void reset_work() {}
std::map<std::string, Work> work_by_kernel() { return {}; }
#endif

}  // namespace assay
