// SPDX-License-Identifier: Apache-2.0
#include "cpp/batch_answer.h"

#include <simdjson.h>

namespace footfall::client {
namespace {

bool get(simdjson::dom::element object, std::string_view key, std::uint64_t& out) {
  return object[key].get(out) == simdjson::SUCCESS;
}

std::string text(simdjson::dom::element object, std::string_view key) {
  std::string_view value;
  return object[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
}

}  // namespace

bool read_batch_answer(std::string_view json, BatchAnswer& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return false;
  BatchAnswer out;
  simdjson::dom::array listed;
  if (!get(root, "accepted", out.accepted) || !get(root, "rejected_total", out.rejected)) return false;
  if (root["rejected"].get(listed) != simdjson::SUCCESS || listed.size() > out.rejected) return false;
  get(root, "bots", out.bots);  // older daemons do not say it
  for (const simdjson::dom::element item : listed) ++out.reasons[text(item, "reason")];
  if (out.rejected > listed.size()) out.reasons[std::string(kUnlisted)] += out.rejected - listed.size();
  answer = std::move(out);
  return true;
}

Problem read_problem(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return {};
  std::string type = text(root, "type");
  type.erase(0, type.rfind('/') + 1);  // npos + 1 is 0
  return {type, text(root, "detail")};
}

}  // namespace footfall::client
