// SPDX-License-Identifier: Apache-2.0
// Clang's thread-safety attributes; nothing under other compilers.
#pragma once

#if defined(__clang__)
#define FOOTFALL_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define FOOTFALL_THREAD_ATTRIBUTE(x)
#endif

#define CAPABILITY(x) FOOTFALL_THREAD_ATTRIBUTE(capability(x))
#define SCOPED_CAPABILITY FOOTFALL_THREAD_ATTRIBUTE(scoped_lockable)
#define GUARDED_BY(x) FOOTFALL_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES(...) FOOTFALL_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) FOOTFALL_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) FOOTFALL_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) FOOTFALL_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define RELEASE(...) FOOTFALL_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define RETURN_CAPABILITY(x) FOOTFALL_THREAD_ATTRIBUTE(lock_returned(x))
