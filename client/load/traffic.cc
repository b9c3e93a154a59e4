// SPDX-License-Identifier: Apache-2.0
#include "load/traffic.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/hash.h"
#include "cpp/hit_encoder.h"

namespace footfall::load {
namespace {

constexpr std::size_t kTextMax = 2'000;
constexpr double kNs = 1e9;

bool is_address(const std::string& text) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

// What a field's value may hold: no controls, nothing beyond ASCII.
std::string field_text(std::string_view text) {
  std::string out(text.substr(0, kTextMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace

std::string encoded(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text.substr(0, kTextMax)) {
    if (kPlain.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4U]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15U]);
    }
  }
  return out;
}

std::string address_of(std::uint64_t visitor) {
  return "10." + std::to_string(visitor >> 16U & 255U) + "." + std::to_string(visitor >> 8U & 255U) + "." +
         std::to_string(visitor & 255U);
}

Traffic::Traffic(const TrafficOptions& options, unsigned thread, unsigned threads)
    : options_(options), thread_(thread), threads_(threads), request_(thread) {
  if (!options.logs.empty()) log_.emplace(*options.format, options.logs, options.passes);
}

bool Traffic::from_log(Item& item) {
  const LogHit* const hit = log_->next();
  if (hit == nullptr) return false;
  ++log_position_;
  item.target = hit->target;
  item.referrer = hit->referrer;
  item.agent = field_text(hit->agent);
  // A host name is a visitor all the same.
  item.address = is_address(hit->client) ? hit->client : address_of(base::mix64(std::hash<std::string>{}(hit->client)));
  item.at_s = hit->at_s;
  return true;
}

bool Traffic::make(std::uint64_t number, Item& item) {
  if (number >= options_.hits_max || (options_.curve && number >= options_.curve->hits())) return false;
  if (log_) {
    // What is not this thread's is passed over.
    while (log_position_ < number) {
      if (!from_log(item)) return false;
    }
    return from_log(item);
  }
  // Spread, so that a page has visitors of all kinds.
  const std::uint64_t visitor = base::mix64(number) % options_.visitors;
  item.target = "/page/" + std::to_string(number % options_.pages);
  item.agent = options_.shapes[visitor % options_.shapes.size()].agent;
  item.address = address_of(visitor);
  return true;
}

std::optional<std::int64_t> Traffic::due() {
  if (made_) return due_ns_;
  const std::uint64_t hits = std::max<std::uint64_t>(options_.batch, 1);
  const std::uint64_t first = request_ * hits;
  if (items_.size() < hits) items_.resize(hits);
  filled_ = 0;
  while (filled_ < hits && make(first + filled_, items_[filled_])) ++filled_;
  if (filled_ == 0) return std::nullopt;
  // A batch goes when its last hit is there.
  const std::uint64_t last = first + filled_ - 1;
  double due_s = 0;
  if (options_.rate > 0) {
    due_s = static_cast<double>(last) / options_.rate;
  } else if (options_.curve) {
    due_s = options_.curve->due_s(last) / options_.speed;
  } else if (log_ && options_.speed > 0) {
    due_s = items_[filled_ - 1].at_s / options_.speed;
  }
  due_ns_ = static_cast<std::int64_t>(due_s * kNs);
  made_ = true;
  return due_ns_;
}

std::uint64_t Traffic::append(std::string& out) {
  if (options_.batch > 0) {
    append_batch(out);
  } else {
    append_ping(out, items_.front());
  }
  made_ = false;
  request_ += threads_;
  return filled_;
}

void Traffic::append_ping(std::string& out, const Item& item) {
  const bool script =
      options_.kind == RequestKind::script || (options_.kind == RequestKind::mixed && request_ / threads_ % 2 == 1);
  // A visitor keeps their browser; a log has agents alone.
  const std::size_t drawn = log_ ? request_ : base::mix64(request_) % options_.visitors;
  const Shape& shape = options_.shapes[drawn % options_.shapes.size()];
  body_.clear();
  if (script) {
    body_ = R"({"site":")" + options_.site + R"(","path":")" + encoded(item.target) + R"(","kind":"pageview"})";
    out.append("POST ").append(options_.base).append("/hit HTTP/1.1\r\nHost: ").append(options_.host);
    out.append("\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: ").append(std::to_string(body_.size()));
    out.append("\r\nOrigin: https://").append(options_.site);
  } else {
    out.append("GET ").append(options_.base).append("/hit.gif?site=").append(options_.site).append("&path=");
    out.append(encoded(item.target));
    if (!item.referrer.empty()) out.append("&ref=").append(encoded(item.referrer));
    out.append(" HTTP/1.1\r\nHost: ").append(options_.host);
  }
  out.append("\r\nUser-Agent: ")
      .append(item.agent)
      .append("\r\nReferer: https://")
      .append(options_.site)
      .append("/\r\n");
  constexpr std::string_view kKeepAlive = "Connection: keep-alive\r\n";
  if (options_.close) {
    const std::size_t at = shape.fields.find(kKeepAlive);
    out.append(shape.fields.substr(0, at)).append(shape.fields.substr(at + kKeepAlive.size()));
    out.append("Connection: close\r\n");
  } else {
    out.append(shape.fields);
  }
  out.append("X-Forwarded-For: ").append(item.address).append("\r\n\r\n").append(body_);
}

void Traffic::append_batch(std::string& out) {
  body_.clear();
  for (std::size_t i = 0; i < filled_; ++i) {
    const Item& item = items_[i];
    client::append_hit(body_,
                       {.site = options_.site,
                        .path = item.target,
                        .referrer = item.referrer,
                        .address = item.address,
                        .agent = item.agent},
                       client::Hit::kNow);
  }
  out.append("POST ").append(options_.base).append("/v1/hits HTTP/1.1\r\nHost: ").append(options_.host);
  out.append("\r\nAuthorization: Bearer ").append(options_.token).append("\r\nContent-Type: ");
  out.append(client::kBatchContentType).append("\r\nContent-Length: ").append(std::to_string(body_.size()));
  out.append(options_.close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n").append(body_);
}

}  // namespace footfall::load
