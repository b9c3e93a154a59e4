// SPDX-License-Identifier: Apache-2.0
// CidrSet: networks that an address is looked up in. Of two networks one lies in the other, or they share nothing; so
// those that lie in another are left out, and the one that may hold an address is the last that begins before it.
//
// contains() costs a binary search: of a CDN's 200 networks, eight comparisons.
// Ownership  owns its networks. Threading  immutable once made.
// Tested by tests/unit/base/cidr_set_test.cc, beside a plain search.
#pragma once

#include <vector>

#include "base/address.h"

namespace footfall::base {

class CidrSet {
 public:
  CidrSet() = default;
  CidrSet(std::vector<Cidr> networks);  // in any order
  bool contains(const Address& address) const;
  const std::vector<Cidr>& networks() const { return networks_; }  // by their begin, none in another

 private:
  std::vector<Cidr> networks_;
};

}  // namespace footfall::base
