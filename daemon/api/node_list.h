// SPDX-License-Identifier: Apache-2.0
// NodeList: what Admin can ask of the nodes that count together with this one.
//
// Threading  the control thread; `then` is called once, there, and not from within the call.
// Errors     unavailable: Redis is away, and why.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "counting/hit.h"

namespace footfall::api {

class NodeList {
 public:
  struct Node {
    std::string name;
    std::string incarnation;
    bool adopted = false;
  };

  virtual ~NodeList() = default;
  // The nodes that were there in the last minute, and which of them have this epoch of the site, or a later one: when
  // all have, and after `wait_s` seconds at the latest.
  virtual void adopters(const std::string& site, const counting::Epoch& epoch, std::int32_t wait_s,
                        std::function<void(base::Result<std::vector<Node>>)> then) = 0;
};

}  // namespace footfall::api
