// SPDX-License-Identifier: Apache-2.0
#include "base/cidr_set.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace footfall::base {

CidrSet::CidrSet(std::vector<Cidr> networks) {
  std::sort(networks.begin(), networks.end(), [](const Cidr& a, const Cidr& b) {
    return std::tie(a.network.bytes, a.bits) < std::tie(b.network.bytes, b.bits);  // the wider of two comes first
  });
  for (const Cidr& cidr : networks) {
    if (networks_.empty() || !networks_.back().contains(cidr.network)) networks_.push_back(cidr);
  }
}

bool CidrSet::contains(const Address& address) const {
  const auto behind = std::upper_bound(networks_.begin(), networks_.end(), address,
                                       [](const Address& a, const Cidr& cidr) { return a.bytes < cidr.network.bytes; });
  return behind != networks_.begin() && std::prev(behind)->contains(address);
}

}  // namespace footfall::base
