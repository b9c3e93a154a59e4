// SPDX-License-Identifier: Apache-2.0
#include "sites/shared_change.h"

#include "sites/value_frame.h"

namespace footfall::sites {
namespace {

constexpr std::string_view kMagic = "ffchng\r\n";
constexpr std::uint64_t kVersion = 1;

}  // namespace

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
