// SPDX-License-Identifier: Apache-2.0
// Records: the bytes of decisions.
//
//   hit   u8 flags  svarint second - base  u64 visitor  [u64 moved_from]  varint page  [u8 mask  varint label...]
//
// A pageview with referrer, country, browser, system and device takes about 25 bytes.
// Cost, of a hit with five labels (-O2, one core of a virtual machine): written in 27 ns, read in 43 ns, 23 bytes.
// Tested by tests/unit/sites/records_test.cc.
#include "sites/records.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "sites/slot.h"

namespace footfall::sites {
namespace {

using base::ByteReader;
using base::ByteWriter;
using base::Errc;
using base::Error;
using counting::Hit;

enum class Type : std::uint8_t {
  hits = 1,
  page,
  label,
  observation,
  change,
  progress,
  batch_key,
  slot,
  inherited,
  followed
};

constexpr std::uint8_t kKindMask = 3;
constexpr std::uint8_t kBot = 4;
constexpr std::uint8_t kCounts = 8;
constexpr std::uint8_t kTouchesPresence = 16;
constexpr std::uint8_t kAddsVisitor = 32;
constexpr std::uint8_t kMoved = 64;
constexpr std::uint8_t kLabelled = 128;

constexpr std::size_t kHitBytesMin = 11;  // flags, second, visitor, page

// Years 1970 to 9999: arithmetic with offsets and days stays far from its limits.
constexpr std::int64_t kSecondEnd = 253'402'300'800;
constexpr std::int32_t kUtcOffsetMax = 2 * 86400;

bool plausible(std::int64_t at_s) {
  return at_s >= 0 && at_s < kSecondEnd;
}
bool plausible_offset(std::int64_t utc_offset_s) {
  return utc_offset_s >= -kUtcOffsetMax && utc_offset_s <= kUtcOffsetMax;
}

Error corrupt(std::string detail) {
  return Error{Errc::corrupt, std::move(detail)};
}

// Opens a record, and writes its length when it goes: bodies are written in place, and moved up where the length takes
// more than a byte.
class Record {
 public:
  Record(std::string& payload, Type type) : payload_(payload), writer_(payload) {
    writer_.u8(static_cast<std::uint8_t>(type));
    writer_.u8(0);
    begin_ = payload.size();
  }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  ~Record() {
    std::uint64_t length = payload_.size() - begin_;
    char bytes[10];
    std::size_t used = 0;
    do {
      bytes[used] = static_cast<char>((length & 0x7FU) | (length > 0x7F ? 0x80U : 0U));
      ++used;
      length >>= 7U;
    } while (length > 0);
    payload_[begin_ - 1] = bytes[0];
    if (used > 1) payload_.insert(begin_, bytes + 1, used - 1);
  }
  ByteWriter& operator*() { return writer_; }
  ByteWriter* operator->() { return &writer_; }

 private:
  std::string& payload_;
  ByteWriter writer_;
  std::size_t begin_ = 0;
};

// flags, second, visitor, moved_from, page, mask and seven labels at their longest
constexpr std::size_t kHitBytesMax = 1 + 10 + 8 + 8 + 5 + 1 + 7 * 5;

constexpr std::size_t kVarintBytesMax = 10;

constexpr std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1U) ^ static_cast<std::uint64_t>(v >> 63);
}

char* put_varint(char* out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7U) *out++ = static_cast<char>((v & 0x7FU) | 0x80U);
  *out++ = static_cast<char>(v);
  return out;
}

char* put_u64(char* out, std::uint64_t v) {
  std::memcpy(out, &v, sizeof v);
  return out + sizeof v;
}

// By hand into a buffer, appended once: 27 ns a hit, where ByteWriter takes 70.
void encode_hit(const Hit& hit, std::int64_t base_s, std::string& payload) {
  unsigned mask = 0;
  for (unsigned i = 1; i < counting::kDimensions; ++i) mask |= (hit.labels[i] != counting::kNoLabel ? 1U : 0U) << i;
  const std::int64_t delta_s = hit.at_s - base_s;
  std::array<char, kHitBytesMax> buffer;
  char* out = buffer.data();
  *out++ = static_cast<char>(static_cast<unsigned>(hit.kind) | (hit.bot ? kBot : 0U) | (hit.counts ? kCounts : 0U) |
                             (hit.touches_presence ? kTouchesPresence : 0U) | (hit.adds_visitor ? kAddsVisitor : 0U) |
                             (hit.moved_from.value != 0 ? kMoved : 0U) | (mask != 0 ? kLabelled : 0U));
  out = put_varint(out, zigzag(delta_s));
  out = put_u64(out, hit.visitor.value);
  if (hit.moved_from.value != 0) out = put_u64(out, hit.moved_from.value);
  out = put_varint(out, hit.page.value);
  if (mask != 0) {
    *out++ = static_cast<char>(mask);
    for (; mask != 0; mask &= mask - 1) {
      out = put_varint(out, hit.labels[static_cast<std::size_t>(std::countr_zero(mask))].value);
    }
  }
  payload.append(buffer.data(), static_cast<std::size_t>(out - buffer.data()));
}

// False if the bytes break the grammar.
bool decode_hit(ByteReader& in, std::int64_t base_s, std::int32_t utc_offset_s, Hit& hit) {
  const std::uint8_t flags = in.u8();
  const std::int64_t delta_s = in.svarint();
  if ((flags & kKindMask) >= counting::kKinds || delta_s >= kSecondEnd || delta_s <= -kSecondEnd) return false;
  hit.at_s = base_s + delta_s;
  hit.utc_offset_s = utc_offset_s;
  hit.visitor.value = in.u64();
  hit.moved_from.value = (flags & kMoved) != 0 ? in.u64() : 0;
  const std::uint64_t page = in.varint();
  hit.page.value = static_cast<std::uint32_t>(page);
  hit.kind = static_cast<counting::Kind>(flags & kKindMask);
  hit.bot = (flags & kBot) != 0;
  hit.counts = (flags & kCounts) != 0;
  hit.touches_presence = (flags & kTouchesPresence) != 0;
  hit.adds_visitor = (flags & kAddsVisitor) != 0;
  hit.labels = {};
  bool good = page <= UINT32_MAX && plausible(hit.at_s);
  if ((flags & kLabelled) != 0) {
    unsigned mask = in.u8();
    good = good && mask != 0 && (mask & 1U) == 0;  // bit 0 is the page, which has a field of its own
    for (; mask != 0; mask &= mask - 1) {
      const std::uint64_t label = in.varint();
      good = good && label != 0 && label <= UINT32_MAX;
      hit.labels[static_cast<std::size_t>(std::countr_zero(mask))].value = static_cast<std::uint32_t>(label);
    }
  }
  return good && in.ok();
}

bool read_site(ByteReader& in, SiteId& site) {
  const std::uint64_t v = in.varint();
  site.value = static_cast<std::uint32_t>(v);
  return in.ok() && v > 0 && v <= UINT32_MAX;
}

base::Result<void> read_hits(ByteReader& in, RecordVisitor& visitor, std::vector<Hit>& scratch) {
  SiteId site;
  counting::Epoch epoch;
  if (!read_site(in, site) || !decode(in, epoch)) return corrupt("a hits record names no site or epoch");
  const std::int64_t base_s = in.svarint();
  const std::int64_t utc_offset_s = in.svarint();
  const std::uint64_t count = in.varint();
  if (!in.ok() || !plausible(base_s) || !plausible_offset(utc_offset_s)) {
    return corrupt("a hits record of site " + std::to_string(site.value) + " has an impossible time");
  }
  if (count > in.remaining() / kHitBytesMin) {
    return corrupt("a hits record of site " + std::to_string(site.value) + " is cut short");
  }
  scratch.resize(count);
  for (Hit& hit : scratch) {
    if (!decode_hit(in, base_s, static_cast<std::int32_t>(utc_offset_s), hit)) {
      return corrupt("a hit of site " + std::to_string(site.value) + " breaks its grammar");
    }
  }
  if (!in.at_end()) return corrupt("a hits record of site " + std::to_string(site.value) + " is longer than its hits");
  return visitor.hits(site, epoch, scratch);
}

base::Result<void> read_definition(ByteReader& in, Type type, RecordVisitor& visitor) {
  SiteId site;
  if (!read_site(in, site)) return corrupt("a definition names no site");
  const std::uint64_t id = in.varint();
  const std::string_view text = in.string();
  if (!in.at_end() || id > UINT32_MAX) {
    return corrupt("a definition of site " + std::to_string(site.value) + " breaks its grammar");
  }
  const auto value = static_cast<std::uint32_t>(id);
  return type == Type::page ? visitor.page(site, counting::PageId{value}, text)
                            : visitor.label(site, counting::LabelId{value}, text);
}

base::Result<void> read_observation(ByteReader& in, RecordVisitor& visitor) {
  SiteId site;
  counting::Observation seen;
  if (!read_site(in, site) || !decode(in, seen.epoch)) return corrupt("an observation names no site or epoch");
  seen.at_s = in.svarint();
  const std::int64_t utc_offset_s = in.svarint();
  const std::uint64_t online = in.varint();
  if (!in.at_end() || !plausible(seen.at_s) || !plausible_offset(utc_offset_s) || online > UINT32_MAX) {
    return corrupt("an observation of site " + std::to_string(site.value) + " breaks its grammar");
  }
  seen.utc_offset_s = static_cast<std::int32_t>(utc_offset_s);
  seen.online = static_cast<std::uint32_t>(online);
  return visitor.observation(site, seen);
}

base::Result<void> read_change(ByteReader& in, RecordVisitor& visitor) {
  Change change;
  if (base::Result<void> read = decode(in, change); !read) return read;
  if (!in.at_end()) return corrupt("change " + change.id + " is longer than its fields");
  return visitor.change(change);
}

base::Result<void> read_progress(ByteReader& in, Type type, RecordVisitor& visitor) {
  SiteId site;
  if (!read_site(in, site)) return corrupt("a progress record names no site");
  const std::string_view source = in.string();
  const std::uint64_t position = in.varint();
  const std::int64_t at_s = in.svarint();
  const std::string_view mark = type == Type::followed ? in.string() : std::string_view();
  if (!in.at_end() || !plausible(at_s) || mark.empty() != (type == Type::progress))
    return corrupt("a progress record of site " + std::to_string(site.value) + " breaks its grammar");
  return visitor.progress(site, source, position, at_s, mark);
}

base::Result<void> read_batch_key(ByteReader& in, RecordVisitor& visitor) {
  BatchKey key;
  if (!decode(in, key) || !in.at_end()) return corrupt("a batch key breaks its grammar");
  return visitor.batch_key(std::move(key));
}

base::Result<void> read_slot(ByteReader& in, Type type, RecordVisitor& visitor) {
  SiteId site;
  counting::RemoteSlot remote;
  if (!read_site(in, site) || !decode(in, remote.epoch)) return corrupt("a slot names no site or epoch");
  const std::string_view incarnation = in.raw(sizeof remote.incarnation);
  std::copy(incarnation.begin(), incarnation.end(), remote.incarnation.begin());
  const std::string_view bytes = in.string();
  const std::string_view past = in.string();
  if (!in.at_end()) return corrupt("a slot of site " + std::to_string(site.value) + " breaks its grammar");
  auto slot = past.empty() && type == Type::slot ? decode_slot(bytes) : decode_slot(bytes, past);
  if (!slot) return Error{slot.error().code == Errc::conflict ? Errc::corrupt : slot.error().code, slot.error().detail};
  remote.slot = std::move(*slot);
  return type == Type::slot ? visitor.remote_slot(site, remote) : visitor.inherited(site, remote);
}

}  // namespace

void encode_hits(std::string& payload, SiteId site, const counting::Epoch& epoch, std::span<const Hit> hits) {
  if (hits.empty()) return;
  const Record record(payload, Type::hits);
  const std::int64_t base_s = hits.front().at_s;
  std::array<char, 6 * kVarintBytesMax> head;
  char* out = put_varint(head.data(), site.value);
  out = put_varint(out, epoch.number);
  out = put_varint(out, epoch.reset_id);
  out = put_varint(out, zigzag(base_s));
  out = put_varint(out, zigzag(hits.front().utc_offset_s));
  out = put_varint(out, hits.size());
  payload.append(head.data(), static_cast<std::size_t>(out - head.data()));
  for (const Hit& hit : hits) encode_hit(hit, base_s, payload);
}

void encode_page(std::string& payload, SiteId site, counting::PageId page, std::string_view path) {
  Record out(payload, Type::page);
  out->varint(site.value);
  out->varint(page.value);
  out->string(path);
}

void encode_label(std::string& payload, SiteId site, counting::LabelId label, std::string_view text) {
  Record out(payload, Type::label);
  out->varint(site.value);
  out->varint(label.value);
  out->string(text);
}

void encode_observation(std::string& payload, SiteId site, const counting::Observation& seen) {
  Record out(payload, Type::observation);
  out->varint(site.value);
  encode(seen.epoch, *out);
  out->svarint(seen.at_s);
  out->svarint(seen.utc_offset_s);
  out->varint(seen.online);
}

void encode_change(std::string& payload, const Change& change) {
  Record out(payload, Type::change);
  encode(change, *out);
}

void encode_progress(std::string& payload, SiteId site, std::string_view source, std::uint64_t position,
                     std::int64_t at_s, std::string_view mark) {
  Record out(payload, mark.empty() ? Type::progress : Type::followed);
  out->varint(site.value);
  out->string(source);
  out->varint(position);
  out->svarint(at_s);
  if (!mark.empty()) out->string(mark);
}

void encode_batch_key(std::string& payload, const BatchKey& key) {
  Record out(payload, Type::batch_key);
  encode(key, *out);
}

namespace {

void put_slot(std::string& payload, Type type, SiteId site, const counting::RemoteSlot& remote) {
  Record out(payload, type);
  out->varint(site.value);
  encode(remote.epoch, *out);
  out->raw(base::bytes_of(remote.incarnation));
  out->string(encode_slot(remote.slot));
  out->string(remote.slot.past == nullptr ? std::string() : encode_past(remote.slot));
}

}  // namespace

void encode_remote_slot(std::string& payload, SiteId site, const counting::RemoteSlot& remote) {
  put_slot(payload, Type::slot, site, remote);
}

void encode_inherited(std::string& payload, SiteId site, const counting::RemoteSlot& inherited) {
  put_slot(payload, Type::inherited, site, inherited);
}

base::Result<void> decode_payload(std::string_view payload, RecordVisitor& visitor) {
  std::vector<Hit> scratch;
  return decode_payload(payload, visitor, scratch);
}

base::Result<void> decode_payload(std::string_view payload, RecordVisitor& visitor, std::vector<Hit>& scratch) {
  ByteReader in(payload);
  while (in.remaining() > 0) {
    const std::uint8_t type = in.u8();
    ByteReader body(in.string());
    if (!in.ok()) return corrupt("a record is cut short");
    base::Result<void> read;
    switch (static_cast<Type>(type)) {
      case Type::hits:
        read = read_hits(body, visitor, scratch);
        break;
      case Type::page:
      case Type::label:
        read = read_definition(body, static_cast<Type>(type), visitor);
        break;
      case Type::observation:
        read = read_observation(body, visitor);
        break;
      case Type::change:
        read = read_change(body, visitor);
        break;
      case Type::progress:
      case Type::followed:
        read = read_progress(body, static_cast<Type>(type), visitor);
        break;
      case Type::batch_key:
        read = read_batch_key(body, visitor);
        break;
      case Type::slot:
      case Type::inherited:
        read = read_slot(body, static_cast<Type>(type), visitor);
        break;
      default:
        return Error{Errc::newer_format, "a record of type " + std::to_string(type) +
                                             " is not known to this release; start the release that wrote it"};
    }
    if (!read) return read;
  }
  return {};
}

}  // namespace footfall::sites
