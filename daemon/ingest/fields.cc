// SPDX-License-Identifier: Apache-2.0
#include "ingest/fields.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

// Errors of the parser are values here, too: without this a bool taken from a result may throw.
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include "base/bytes16.h"
#include "ingest/text.h"

namespace footfall::ingest {
namespace {

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

constexpr std::array<std::string_view, kKeys> kNames = {"site", "path",   "url",  "ref",     "title", "kind",
                                                        "name", "format", "time", "address", "agent", "visitor"};

// Says nothing: pages draw a number for it, so that no picture is taken from a cache.
constexpr std::string_view kNoCache = "rnd";

// The names again, as numbers.
constexpr std::size_t kNameMax = 8;
constexpr std::array<std::uint64_t, kKeys> kWords = [] {
  std::array<std::uint64_t, kKeys> words{};
  for (std::size_t i = 0; i < kKeys; ++i) {
    for (std::size_t k = kNames[i].size(); k > 0; --k)
      words[i] = words[i] << 8U | static_cast<std::uint8_t>(kNames[i][k - 1]);
  }
  return words;
}();

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
  if (name.empty() || name.size() > kNameMax) return Key::count_;
  const std::uint64_t word = base::load_up_to_8(name.data(), name.size());
  const auto* const found = std::find(kWords.begin(), kWords.end(), word);
  const auto i = static_cast<std::size_t>(found - kWords.begin());
  return i != kKeys && name.size() == kNames[i].size() ? static_cast<Key>(i) : Key::count_;
}

namespace {

// One pair of a form, as it stands there; `equals` and `encoded` as in read_form(). The key whose value cannot be
// decoded, or Key::count_.
Key read_pair(const char* begin, const char* equals, const char* end, bool encoded, Arena& arena, Fields& fields) {
  const char* const key_end = equals != nullptr ? equals : end;
  if (key_end == begin && (equals == nullptr || equals + 1 == end)) return Key::count_;
  const Key key = key_from({begin, static_cast<std::size_t>(key_end - begin)});
  if (key == Key::count_) {
    if (std::string_view(begin, static_cast<std::size_t>(key_end - begin)) != kNoCache) ++fields.unknown;
    return Key::count_;
  }
  std::string_view& value = *(fields.values.data() + static_cast<std::size_t>(key));
  value =
      equals != nullptr ? std::string_view(equals + 1, static_cast<std::size_t>(end - equals - 1)) : std::string_view();
  return encoded && !decode_form(value, arena, value) ? key : Key::count_;
}

base::Error bad_escape(Key key) {
  return malformed(key, "a % without two hexadecimal digits");
}

}  // namespace

base::Result<void> read_form(std::string_view text, Arena& arena, Fields& fields) {
  using base::Bytes16;
  const char* begin = text.data();  // of the pair
  const char* const end = begin + text.size();
  const char* equals = nullptr;  // the pair's first '='
  bool encoded = false;          // its value has something to decode
  for (const char* chunk = begin; chunk < end; chunk += Bytes16::kSize) {
    const auto left = static_cast<std::size_t>(end - chunk);
    const Bytes16 bytes = left >= Bytes16::kSize ? Bytes16::load(chunk) : Bytes16::load(chunk, left);
    for (unsigned marks = bytes.any_of('&', '=', '%', '+'); marks != 0; marks &= marks - 1) {
      const char* const at = chunk + std::countr_zero(marks);
      if (*at == '&') {
        const Key bad = read_pair(begin, equals, at, encoded, arena, fields);
        if (bad != Key::count_) return bad_escape(bad);
        begin = at + 1;
        equals = nullptr;
        encoded = false;
      } else if (*at != '=') {
        encoded = encoded || equals != nullptr;
      } else if (equals == nullptr) {
        equals = at;
      }
    }
  }
  const Key bad = read_pair(begin, equals, end, encoded, arena, fields);
  if (bad != Key::count_) return bad_escape(bad);
  return {};
}

namespace {

// Behind what of [p, end) may stand in a JSON text as it is: no quote, no backslash, no control byte, ASCII alone.
const char* skip_plain(const char* p, const char* end) {
  using base::ByteRange;
  using base::Bytes16;
  for (; p < end; p += Bytes16::kSize) {
    const auto left = static_cast<std::size_t>(end - p);
    const Bytes16 bytes = left >= Bytes16::kSize ? Bytes16::load(p) : Bytes16::load(p, left);
    const unsigned plain = bytes.in(ByteRange{' ', '!'}, ByteRange{'#', '['}, ByteRange{']', '~'});
    if (plain != Bytes16::kAll) return p + std::countr_one(plain);
  }
  return end;
}

constexpr std::ptrdiff_t kDigitsMax = 18;  // of a number that surely fits 64 bits

// The fast way through an object as programs write them: no white space; texts without escapes, in ASCII; whole
// numbers. False: any other, or none, and nothing of it is taken; the careful way finds out.
bool plain_object(std::string_view text, Arena& arena, Fields& fields) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return false;
  const std::string_view kept = arena.copy(text);  // once, for all its texts
  const auto give_up = [&] {
    arena.shrink(const_cast<char*>(kept.data()), kept.size(), 0);  // NOLINT: the arena's own bytes
    return false;
  };
  Fields read = fields;
  const char* p = kept.data() + 1;
  const char* const end = kept.data() + kept.size() - 1;  // the last '}'
  for (;;) {
    if (p == end || *p != '"') return give_up();
    const char* const name = p + 1;
    p = skip_plain(name, end);
    if (end - p < 3 || p[0] != '"' || p[1] != ':') return give_up();
    const Key key = key_from({name, static_cast<std::size_t>(p - name)});
    const bool quoted = p[2] == '"';
    const char* const value = p + (quoted ? 3 : 2);
    p = value;
    if (quoted) {
      p = skip_plain(value, end);
      if (p == end || *p != '"') return give_up();
    } else {
      while (p != end && *p >= '0' && *p <= '9') ++p;
      if (p == value || p - value > kDigitsMax || (*value == '0' && p - value > 1)) return give_up();
    }
    if (key == Key::count_) {
      ++read.unknown;
    } else {
      read.values[static_cast<std::size_t>(key)] = {value, static_cast<std::size_t>(p - value)};
    }
    if (quoted) ++p;
    if (p == end) break;
    if (*p++ != ',') return give_up();
  }
  fields = read;
  return true;
}

}  // namespace

base::Result<void> read_json(std::string_view text, std::size_t readable, Arena& arena, Fields& fields) {
  namespace ondemand = simdjson::ondemand;
  if (plain_object(text, arena, fields)) return {};
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
