// SPDX-License-Identifier: Apache-2.0
// JsonText: JSON that people read as well: objects over lines, lists of small values on one line. Bytes that are not
// UTF-8 come out as their latin-1 code points (to_utf8). Tested by tests/unit/client/json_text_test.cc, read back by
// simdjson.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace footfall::cli {

// Appends `bytes` as a JSON string.
void append_json_string(std::string& out, std::string_view bytes);

class JsonText {
 public:
  enum class Layout { lines, one_line };

  explicit JsonText(Layout layout = Layout::lines) : lines_(layout == Layout::lines) {}

  JsonText& begin_object(Layout layout = Layout::lines) { return open('{', layout); }
  JsonText& end_object() { return shut('}'); }
  JsonText& begin_array(Layout layout = Layout::lines) { return open('[', layout); }
  JsonText& end_array() { return shut(']'); }
  JsonText& key(std::string_view name);
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(std::uint64_t number) { return raw(std::to_string(number)); }
  JsonText& value(std::int64_t number) { return raw(std::to_string(number)); }
  JsonText& value(std::uint32_t number) { return raw(std::to_string(number)); }
  JsonText& value(std::int32_t number) { return raw(std::to_string(number)); }
  JsonText& value(bool yes) { return raw(yes ? "true" : "false"); }
  JsonText& null() { return raw("null"); }
  // With so many places behind the point. REQUIRES: it is finite.
  JsonText& number(double number, int places);
  template <class T>
  JsonText& member(std::string_view name, const T& v) {
    key(name);
    return value(v);
  }
  // What was written; ready for the next document.
  std::string take();

 private:
  JsonText& open(char bracket, Layout layout);
  JsonText& shut(char bracket);
  JsonText& raw(std::string_view text);
  void separate();
  void new_line();

  std::string out_;
  std::string open_;  // the brackets that are open: 'l' over lines, 'o' on one line
  bool lines_;
  bool first_ = true;  // nothing yet inside the innermost bracket
  bool after_key_ = false;
};

}  // namespace footfall::cli
