// SPDX-License-Identifier: Apache-2.0
// JsonWriter: JSON out, straight into a string. Escapes what browsers trip over too ("</", U+2028, U+2029); bytes that
// are not UTF-8 come out as U+FFFD.
// Tested by tests/unit/api/json_test.cc, read back by simdjson.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace footfall::api {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return shut('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return shut(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(std::uint64_t number);
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(std::uint32_t number) { return value(std::uint64_t{number}); }
  JsonWriter& value(std::int32_t number) { return value(std::int64_t{number}); }
  JsonWriter& value(double number);
  JsonWriter& value(bool yes);
  JsonWriter& null();
  template <class T>
  JsonWriter& member(std::string_view name, T v) {
    key(name);
    return value(v);
  }
  // Text that is JSON already.
  JsonWriter& raw(std::string_view json);
  // The number; beyond 2^53 also as a string under NAME_text.
  JsonWriter& count(std::string_view name, std::uint64_t number);
  JsonWriter& signed_count(std::string_view name, std::int64_t number);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& shut(char bracket);
  void separate();

  std::string& out_;
  bool comma_ = false;
};

}  // namespace footfall::api
