#pragma once
// Large outputs are fresh memory on every call, and half the time of a pass over them can go to the
// kernel's page faults; with 2 MiB pages there are 512 times fewer.

#include <stdint.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ntm_fast {

// Asks for huge pages for what is to be written next; a hint, and without effect where there is no
// such thing or the system does not want it.
inline void prefer_huge_pages(void* data, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t page = uintptr_t{2} << 20;
  const uintptr_t begin = (uintptr_t(data) + page - 1) / page * page;
  const uintptr_t end = (uintptr_t(data) + uintptr_t(bytes)) / page * page;
  if (end > begin + page) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)data, (void)bytes;
#endif
}

}  // namespace ntm_fast
