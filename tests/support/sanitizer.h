// SPDX-License-Identifier: Apache-2.0
// Whether a sanitizer is compiled in. There a test of many rounds takes fewer, for each costs several times as much;
// what it asserts stays the same.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // gcc
#define FOOTFALL_SANITIZED
#elif defined(__has_feature)  // clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FOOTFALL_SANITIZED
#endif
#endif

namespace footfall::testing {

#ifdef FOOTFALL_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace footfall::testing
