// SPDX-License-Identifier: Apache-2.0
// The name of the calling thread, as `top -H` and /proc show it: at most 15 bytes, the rest is cut.
#pragma once

#include <pthread.h>

#include <string>

namespace footfall::base {

inline void name_this_thread(const std::string& name) {
  (void)pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace footfall::base
