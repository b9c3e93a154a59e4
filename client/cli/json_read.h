// SPDX-License-Identifier: Apache-2.0
// JsonDocument: the daemon's answers, read leniently: what is not there, or of another type, is empty or zero.
// The only header of the command line with simdjson in it. Tested by tests/unit/client/json_text_test.cc.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace footfall::cli {

// Valid as long as its document.
class JsonValue {
 public:
  JsonValue() = default;
  explicit JsonValue(simdjson::dom::element element) : element_(element), present_(true) {}

  bool present() const { return present_ && !element_.is_null(); }
  bool is_number() const { return present_ && element_.is_number(); }
  bool is_array() const { return present_ && element_.is_array(); }
  JsonValue operator[](std::string_view key) const {
    simdjson::dom::element found;
    return present_ && element_[key].get(found) == simdjson::SUCCESS ? JsonValue(found) : JsonValue();
  }
  std::vector<JsonValue> items() const {
    std::vector<JsonValue> out;
    simdjson::dom::array array;
    if (present_ && element_.get(array) == simdjson::SUCCESS) {
      for (const simdjson::dom::element item : array) out.emplace_back(item);
    }
    return out;
  }
  std::string text() const {
    std::string_view value;
    return present_ && element_.get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  }
  std::uint64_t number() const {
    std::uint64_t value = 0;
    return present_ && element_.get(value) == simdjson::SUCCESS ? value : 0;
  }
  std::int64_t integer() const {
    std::int64_t value = 0;
    return present_ && element_.get(value) == simdjson::SUCCESS ? value : 0;
  }
  bool yes() const {
    bool value = false;
    return present_ && element_.get(value) == simdjson::SUCCESS && value;
  }
  std::string text(std::string_view key) const { return (*this)[key].text(); }
  std::uint64_t number(std::string_view key) const { return (*this)[key].number(); }
  // Text as it is, anything else as JSON.
  std::string shown() const {
    std::string_view value;
    if (!present()) return {};
    return element_.get(value) == simdjson::SUCCESS ? std::string(value) : simdjson::minify(element_);
  }

 private:
  simdjson::dom::element element_;
  bool present_ = false;
};

class JsonDocument {
 public:
  bool parse(std::string_view json) { return parser_.parse(json.data(), json.size()).get(root_) == simdjson::SUCCESS; }
  JsonValue root() const { return JsonValue(root_); }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

}  // namespace footfall::cli
