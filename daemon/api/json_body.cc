// SPDX-License-Identifier: Apache-2.0
#include "api/json_body.h"

#include <simdjson.h>

#include <algorithm>

namespace footfall::api {

namespace {

base::Error malformed(std::string_view key, std::string_view what) {
  return {base::Errc::malformed, std::string(key) + ": must be " + std::string(what)};
}

}  // namespace

struct JsonBody::Impl {
  simdjson::dom::parser parser;
  std::map<std::string, simdjson::dom::element, std::less<>> members;  // key -> value, in the parser's memory

  // nullptr: absent or null
  const simdjson::dom::element* find(std::string_view key) const {
    const auto found = members.find(key);
    return found == members.end() || found->second.is_null() ? nullptr : &found->second;
  }

  template <class Out, class Wire>
  base::Result<std::optional<Out>> read(std::string_view key, std::string_view what) const {
    const simdjson::dom::element* const element = find(key);
    if (element == nullptr) return std::optional<Out>();
    Wire value{};
    if (element->get<Wire>().get(value) != simdjson::SUCCESS) return malformed(key, what);
    return std::optional<Out>(Out(value));
  }
};

JsonBody::JsonBody() : impl_(std::make_unique<Impl>()) {}
JsonBody::JsonBody(JsonBody&&) noexcept = default;
JsonBody::~JsonBody() = default;

base::Result<JsonBody> JsonBody::parse(std::string_view bytes, const std::vector<std::string_view>& known) {
  JsonBody body;
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) return body;
  const simdjson::padded_string padded(bytes);
  simdjson::dom::object object;
  if (body.impl_->parser.parse(padded).get_object().get(object) != simdjson::SUCCESS) {
    return base::Error{base::Errc::malformed, "the body must be one JSON object, with numbers within 64 bits"};
  }
  for (const simdjson::dom::key_value_pair& member : object) {
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      std::string names;
      for (const std::string_view name : known) names.append(names.empty() ? "" : ", ").append(name);
      return base::Error{base::Errc::malformed,
                         "unknown key `" + std::string(member.key.substr(0, 64)) + "`; known are: " + names};
    }
    if (!body.impl_->members.emplace(member.key, member.value).second) {
      return base::Error{base::Errc::malformed, "the key `" + std::string(member.key) + "` is there twice"};
    }
  }
  return body;
}

bool JsonBody::has(std::string_view key) const {
  return impl_->find(key) != nullptr;
}

base::Result<std::optional<std::string>> JsonBody::text(std::string_view key) const {
  return impl_->read<std::string, std::string_view>(key, "a string");
}

base::Result<std::optional<std::uint64_t>> JsonBody::count(std::string_view key) const {
  return impl_->read<std::uint64_t, std::uint64_t>(key, "a whole number, not negative, without quotes");
}

base::Result<std::optional<std::int64_t>> JsonBody::integer(std::string_view key) const {
  return impl_->read<std::int64_t, std::int64_t>(key, "a whole number within 63 bits, without quotes");
}

base::Result<std::optional<bool>> JsonBody::flag(std::string_view key) const {
  return impl_->read<bool, bool>(key, "true or false");
}

base::Result<std::optional<std::vector<std::string>>> JsonBody::texts(std::string_view key) const {
  using Answer = std::optional<std::vector<std::string>>;
  const simdjson::dom::element* const element = impl_->find(key);
  if (element == nullptr) return Answer();
  simdjson::dom::array array;
  if (element->get_array().get(array) != simdjson::SUCCESS) return malformed(key, "an array of strings");
  std::vector<std::string> out;
  for (const simdjson::dom::element item : array) {
    std::string_view text;
    if (item.get_string().get(text) != simdjson::SUCCESS) return malformed(key, "an array of strings");
    out.emplace_back(text);
  }
  return Answer(std::move(out));
}

}  // namespace footfall::api
