// SPDX-License-Identifier: Apache-2.0
// The frame of a value that is kept in Redis:  magic[8]  varint version  fields  u32 crc32c(all before).
//
// Ownership  views of the bytes given. Threading: none.
// Errors     corrupt; newer_format, with what to do.
// Tested by tests/unit/sites/value_frame_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/errors.h"

namespace footfall::sites {

// REQUIRES: bytes is empty.
void open_frame(std::string& bytes, std::string_view magic, std::uint64_t version);
void close_frame(std::string& bytes);

// A reader of the fields, if `bytes` is a whole frame of this magic and of version `latest` or before; `what` ("a
// snapshot") is for the errors. It has to be at_end() when all fields are read.
base::Result<base::ByteReader> read_frame(std::string_view bytes, std::string_view magic, std::uint64_t latest,
                                          const std::string& what);

}  // namespace footfall::sites
