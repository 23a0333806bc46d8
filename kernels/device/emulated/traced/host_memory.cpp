#include "kernels/device/emulated/traced/host_memory.h"

#include <link.h>

#include <string>

#include "kernels/device/emulated/memory.h"
#include "kernels/device/emulated/traced/shadow.h"
#include "kernels/device/error.h"

namespace assay::emulated::traced {

bool is_program_constant(std::uintptr_t address) {
  thread_local std::uintptr_t found[2] = {0, 0};  // the segment of last time
  if (address >= found[0] && address < found[1]) return true;
  struct Search {
    std::uintptr_t address;
    std::uintptr_t* found;
  } search{address, found};
  return dl_iterate_phdr(
             [](dl_phdr_info* info, std::size_t, void* data) {
               const auto* s = static_cast<const Search*>(data);
               for (int i = 0; i < info->dlpi_phnum; ++i) {
                 if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
                 const std::uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
                 const std::uintptr_t end = start + info->dlpi_phdr[i].p_memsz;
                 if (s->address < start || s->address >= end) continue;
                 s->found[0] = start;
                 s->found[1] = end;
                 return 1;
               }
               return 0;
             },
             &search) == 1;
}

void mark_written(const void* data, std::size_t bytes, bool written) {
  LiveMemory memory;
  const auto at = reinterpret_cast<std::uintptr_t>(data);
  if (bytes > 0 && find_live(at, &memory)) memory.shadow->mark(at - memory.data, bytes, written);
}

void copy_written(const void* to, const void* from, std::size_t bytes) {
  LiveMemory target;
  LiveMemory source;
  const auto t = reinterpret_cast<std::uintptr_t>(to);
  const auto f = reinterpret_cast<std::uintptr_t>(from);
  if (bytes == 0 || !find_live(t, &target) || !find_live(f, &source)) return;
  target.shadow->copy_marks(t - target.data, *source.shadow, f - source.data, bytes);
}

void require_written(const void* data, std::size_t bytes, const char* what) {
  LiveMemory memory;
  const auto at = reinterpret_cast<std::uintptr_t>(data);
  if (bytes == 0 || !find_live(at, &memory)) return;
  const std::size_t written = memory.shadow->first_unwritten(at - memory.data, bytes);
  if (written == bytes) return;
  throw Error(std::string(what) + " of " + std::to_string(bytes) + " bytes at " +
              describe_inside(at) + " was never written from " + describe_inside(at + written) +
              " on");
}

}  // namespace assay::emulated::traced
