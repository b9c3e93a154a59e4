// SPDX-License-Identifier: Apache-2.0
// JsonBody: a small JSON object that an admin sent, read strictly: one object, known keys only, each once.
//
// Errors name the key and say what it must be. Empty bytes are an empty object.
// Tested by tests/unit/api/json_body_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"

namespace footfall::api {

class JsonBody {
 public:
  // malformed: not an object, a key that is not in `known`, or one that is there twice.
  static base::Result<JsonBody> parse(std::string_view bytes, const std::vector<std::string_view>& known);
  JsonBody(JsonBody&&) noexcept;
  ~JsonBody();

  bool has(std::string_view key) const;
  // nullopt when the key is absent or null; malformed when it is of another type.
  base::Result<std::optional<std::string>> text(std::string_view key) const;
  base::Result<std::optional<std::uint64_t>> count(std::string_view key) const;  // 0 .. 2^64 - 1
  base::Result<std::optional<std::int64_t>> integer(std::string_view key) const;
  base::Result<std::optional<bool>> flag(std::string_view key) const;
  base::Result<std::optional<std::vector<std::string>>> texts(std::string_view key) const;

 private:
  JsonBody();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace footfall::api
