// SPDX-License-Identifier: Apache-2.0
// How allocations are counted: the operators of the program are replaced. The sanitizers have replaced them already, so
// there their own hook counts, at each malloc.
#include "unit/ingest/allocations.h"

#include <cstdlib>
#include <new>

#include "support/sanitizer.h"

namespace {
thread_local std::size_t count = 0;
}  // namespace

std::size_t footfall::testing::allocations() {
  return count;
}

#ifdef FOOTFALL_SANITIZED
#include <sanitizer/allocator_interface.h>
namespace {
const int installed = __sanitizer_install_malloc_and_free_hooks([](const volatile void*, std::size_t) { ++count; },
                                                                [](const volatile void*) {});
}  // namespace
#else
void* operator new(std::size_t size) {
  ++count;
  if (void* out = std::malloc(size == 0 ? 1 : size)) return out;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++count;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
#endif
