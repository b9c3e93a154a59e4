// SPDX-License-Identifier: Apache-2.0
#include "ingest/fields.h"

// Errors of the parser are values here, too: without this a bool taken from a result may throw.
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include "ingest/text.h"

namespace footfall::ingest {
namespace {

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

constexpr std::array<std::string_view, kKeys> kNames = {"site", "path",   "url",  "ref",     "title", "kind",
                                                        "name", "format", "time", "address", "agent", "visitor"};

base::Error malformed(std::string_view what) {
  return {base::Errc::malformed, std::string(what)};
}
base::Error malformed(Key key, std::string_view what) {
  return {base::Errc::malformed, std::string(name_of(key)) + ": " + std::string(what)};
}

// A thread's parser: its buffers grow to the largest text and are used again.
simdjson::ondemand::parser& parser() {
  thread_local simdjson::ondemand::parser one;
  return one;
}

// The text of a scalar, in the arena; false for an object, an array and what is no JSON.
bool scalar(simdjson::ondemand::value value, Arena& arena, std::string_view& out) {
  namespace ondemand = simdjson::ondemand;
  ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  switch (type) {
    case ondemand::json_type::string: {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return false;
      out = arena.copy(text);
      return true;
    }
    case ondemand::json_type::number: {
      std::string_view text = value.raw_json_token();
      text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
      ondemand::number number;
      if (value.get_number().get(number) != simdjson::SUCCESS) return false;
      out = arena.copy(text);
      return true;
    }
    case ondemand::json_type::boolean: {
      bool yes = false;
      if (value.get_bool().get(yes) != simdjson::SUCCESS) return false;
      out = yes ? "true" : "false";
      return true;
    }
    case ondemand::json_type::null: {
      bool null = false;
      out = {};
      return value.is_null().get(null) == simdjson::SUCCESS && null;
    }
    case ondemand::json_type::object:
    case ondemand::json_type::array:
      return false;
  }
  return false;
}

}  // namespace

std::string_view name_of(Key key) {
  return key == Key::count_ ? "" : kNames[static_cast<std::size_t>(key)];
}

Key key_from(std::string_view name) {
  for (std::size_t i = 0; i < kKeys; ++i) {
    if (name == kNames[i]) return static_cast<Key>(i);
  }
  return Key::count_;
}

base::Result<void> read_form(std::string_view text, Arena& arena, Fields& fields) {
  const char* next = text.data();
  const char* const end = next + text.size();
  while (next != end) {
    const char* const begin = next;
    const char* equals = nullptr;
    for (; next != end && *next != '&'; ++next) {
      if (*next == '=' && equals == nullptr) equals = next;
    }
    const char* const key_end = equals != nullptr ? equals : next;
    const std::string_view name(begin, static_cast<std::size_t>(key_end - begin));
    const std::string_view value = equals != nullptr
                                       ? std::string_view(equals + 1, static_cast<std::size_t>(next - equals - 1))
                                       : std::string_view();
    if (next != end) ++next;
    if (name.empty() && value.empty()) continue;
    const Key key = key_from(name);
    if (key == Key::count_) {
      ++fields.unknown;
    } else if (!decode_form(value, arena, fields.values[static_cast<std::size_t>(key)])) {
      return malformed(key, "a % without two hexadecimal digits");
    }
  }
  return {};
}

base::Result<void> read_json(std::string_view text, std::size_t readable, Arena& arena, Fields& fields) {
  namespace ondemand = simdjson::ondemand;
  if (readable < text.size() + kJsonPadding) {
    char* const copy = arena.allocate(text.size() + kJsonPadding);
    if (!text.empty()) std::memcpy(copy, text.data(), text.size());
    std::memset(copy + text.size(), ' ', kJsonPadding);
    text = {copy, text.size()};
    readable = text.size() + kJsonPadding;
  }
  constexpr std::string_view kNoObject = "not one JSON object";
  ondemand::document document;
  if (parser().iterate(simdjson::padded_string_view(text.data(), text.size(), readable)).get(document) !=
      simdjson::SUCCESS) {
    return malformed(kNoObject);
  }
  ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return malformed(kNoObject);
  for (auto result : object) {
    ondemand::field field;
    std::string_view name;
    if (std::move(result).get(field) != simdjson::SUCCESS || field.unescaped_key().get(name) != simdjson::SUCCESS) {
      return malformed(kNoObject);
    }
    const Key key = key_from(name);
    if (key == Key::count_) {
      ++fields.unknown;
    } else if (!scalar(field.value(), arena, fields.values[static_cast<std::size_t>(key)])) {
      return malformed(key, "not a string or a number");
    }
  }
  // Out of bounds: behind the last token. Releases since 3.1 call this at_end().
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return malformed(kNoObject);
  return {};
}

}  // namespace footfall::ingest
