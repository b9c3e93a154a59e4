// SPDX-License-Identifier: Apache-2.0
#include "sites/shared_change.h"

#include "base/hash.h"
#include "base/hex.h"
#include "sites/value_frame.h"

namespace footfall::sites {
namespace {

constexpr std::string_view kMagic = "ffchng\r\n";
constexpr std::uint64_t kVersion = 1;

// What comes of it is stored: it never changes.
constexpr base::SipKey kDigestKey{0x65676e6168636666, 1};  // "ffchange"

// Writes what an action does; false for one that is told under its id alone. Nothing of it ever changes.
struct Essence {
  base::ByteWriter& out;

  bool operator()(const Seeded& a) const {
    encode(a.epoch, out);
    out.string(a.page.value_or(""));
    out.svarint(a.amount);
    return true;
  }
  bool operator()(const Reset& a) const {
    encode(a.next, out);
    return true;
  }
  bool operator()(const Restored& a) const {  // not its pages, which are let go some day
    encode(a.seeded, out);
    encode(a.next, out);
    out.string(a.snapshot);
    out.varint(a.after);
    return true;
  }
  template <class Other>
  bool operator()(const Other&) const {
    return false;
  }
};

}  // namespace

std::string field_of(std::string_view id, const Action& action, std::string_view site) {
  std::string field(id);
  std::string essence;
  base::ByteWriter out(essence);
  out.u8(static_cast<std::uint8_t>(action.index() + 1));
  out.string(site);
  if (!std::visit(Essence{out}, action)) return field;
  field += '@';
  base::append_hex_number(field, base::siphash24(kDigestKey, essence));
  return field;
}

std::string_view id_of(std::string_view field) {
  return field.substr(0, field.find('@'));
}

std::string SharedChange::field() const {
  return field_of(change.id, change.action, site);
}

std::string encode(const SharedChange& shared) {
  std::string bytes;
  open_frame(bytes, kMagic, kVersion);
  base::ByteWriter out(bytes);
  out.string(shared.node);
  out.string(shared.site);
  out.varint(shared.revision);
  encode(shared.change, out);
  close_frame(bytes);
  return bytes;
}

base::Result<SharedChange> decode_shared_change(std::string_view bytes) {
  base::Result<base::ByteReader> in = read_frame(bytes, kMagic, kVersion, "a shared change");
  if (!in) return in.error();
  SharedChange out;
  out.node = in->string();
  out.site = in->string();
  out.revision = in->varint();
  if (base::Result<void> read = decode(*in, out.change); !read) return read.error();
  if (!in->at_end()) {
    return base::Error{base::Errc::corrupt, "shared change " + out.change.id + " is longer than its fields"};
  }
  return out;
}

}  // namespace footfall::sites
