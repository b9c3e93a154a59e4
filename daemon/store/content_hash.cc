// SPDX-License-Identifier: Apache-2.0
#include "store/content_hash.h"

#include <cstdio>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"

namespace footfall::store {
namespace {

constexpr std::array<base::SipKey, 2> kKeys{base::SipKey{1, 0}, base::SipKey{2, 0}};

ContentHash hash_bytes(std::string_view bytes) {
  return {base::siphash24(kKeys[0], bytes), base::siphash24(kKeys[1], bytes)};
}

}  // namespace

ContentHash hash_of(const sites::Registry& registry, std::int64_t now_s) {
  std::string bytes;
  base::ByteWriter out(bytes);
  registry.save(out, now_s);
  return hash_bytes(bytes);
}

ContentHash hash_of(sites::Site& site, std::int64_t now_s) {
  std::string bytes;
  base::ByteWriter out(bytes);
  site.state().save(out, now_s);
  return hash_bytes(bytes);
}

ContentHash whole(const ContentHash& registry, const std::vector<ContentHash>& sites) {
  std::string bytes;
  base::ByteWriter out(bytes);
  const auto add = [&out](const ContentHash& part) {
    for (const std::uint64_t half : part) out.u64(half);
  };
  add(registry);
  for (const ContentHash& site : sites) add(site);
  return hash_bytes(bytes);
}

std::string to_text(const ContentHash& hash) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(hash[0]),
                static_cast<unsigned long long>(hash[1]));
  return text.data();
}

std::string content_hash(const sites::Registry& registry, std::int64_t now_s) {
  std::vector<ContentHash> sites;
  for (sites::Site* site : registry.all_sites()) {
    base::MutexLock lock(site->mutex());
    sites.push_back(hash_of(*site, now_s));
  }
  return to_text(whole(hash_of(registry, now_s), sites));
}

}  // namespace footfall::store
