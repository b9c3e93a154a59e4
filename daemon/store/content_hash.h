// SPDX-License-Identifier: Apache-2.0
// Content hash: a fingerprint of all canonical content, by which a live state, a replayed one and a backup are
// compared.
//
//   part      SipHash with two fixed keys over save() of the registry, or of one site as of a second
//   whole     the same over the parts: the registry's, then the sites' in the order of their ids
//
// Equal content gives an equal fingerprint on any machine. Parts are independent: they may be made by several threads,
// and name the site that differs. It is no protection against somebody who wants two states to look alike.
// Cost: that of save(), and two passes of about 1 GB/s over its bytes.
// Tested by tests/unit/store/content_hash_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sites/registry.h"

namespace footfall::store {

using ContentHash = std::array<std::uint64_t, 2>;

// Settings, tokens, changes, imports, and batch keys as of now_s; not the sites' counts.
ContentHash hash_of(const sites::Registry& registry, std::int64_t now_s);
ContentHash hash_of(sites::Site& site, std::int64_t now_s) REQUIRES(site.mutex());  // presence as of now_s
// `sites`: by id, from 1.
ContentHash whole(const ContentHash& registry, const std::vector<ContentHash>& sites);
std::string to_text(const ContentHash& hash);  // 32 hex digits

// Of everything. Takes each site's lock in turn.
std::string content_hash(const sites::Registry& registry, std::int64_t now_s);

}  // namespace footfall::store
