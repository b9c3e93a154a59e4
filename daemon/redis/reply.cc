// SPDX-License-Identifier: Apache-2.0
#include "redis/reply.h"

#include <hiredis/read.h>

#include <new>

namespace footfall::redis {
namespace {

// hiredis hands out the root of a reply; everything else belongs to its parent's `elements`, and is freed with it.
// The elements of an array are made when the array is, so that their addresses stay.
class Builder {
 public:
  void* array(const redisReadTask* task, std::size_t elements) {
    elements_ += elements;
    too_deep_ = depth_of(task) > kDepthMax;
    if (too_many() || too_deep_) return nullptr;
    Reply* reply = place(task, Reply::Type::array);
    reply->elements.resize(elements);
    return reply;
  }
  static void* string(const redisReadTask* task, const char* text, std::size_t size) {
    Reply* reply = place(task, task->type == REDIS_REPLY_ERROR    ? Reply::Type::error
                               : task->type == REDIS_REPLY_STATUS ? Reply::Type::status
                                                                  : Reply::Type::text);
    reply->text.assign(text, size);
    return reply;
  }
  static void* integer(const redisReadTask* task, std::int64_t value) {
    Reply* reply = place(task, Reply::Type::integer);
    reply->integer = value;
    return reply;
  }
  static void* nil(const redisReadTask* task) { return place(task, Reply::Type::nil); }
  void begin() { elements_ = 0; }
  bool too_many() const { return elements_ > kElementsMax; }
  bool too_deep() const { return too_deep_; }

 private:
  // hiredis 0.14 has this bound itself, later ones have none.
  static constexpr int kDepthMax = 7;
  static int depth_of(const redisReadTask* task) {
    int depth = 0;
    for (; task->parent != nullptr && depth <= kDepthMax; task = task->parent) ++depth;
    return depth;
  }
  static Reply* place(const redisReadTask* task, Reply::Type type) {
    Reply* reply = task->parent == nullptr
                       ? new Reply
                       : &static_cast<Reply*>(task->parent->obj)->elements[static_cast<std::size_t>(task->idx)];
    reply->type = type;
    return reply;
  }
  std::size_t elements_ = 0;
  bool too_deep_ = false;
};

Builder& builder_of(const redisReadTask* task) {
  return *static_cast<Builder*>(task->privdata);
}

// The type of a count differs between hiredis 0.14 and 1.x: generic lambdas fit both.
redisReplyObjectFunctions functions() {
  redisReplyObjectFunctions out{};
  out.createString = [](const redisReadTask* task, char* text, auto size) -> void* {
    return Builder::string(task, text, static_cast<std::size_t>(size));
  };
  out.createArray = [](const redisReadTask* task, auto elements) -> void* {
    return builder_of(task).array(task, static_cast<std::size_t>(elements));
  };
  out.createInteger = [](const redisReadTask* task, long long value) -> void* { return Builder::integer(task, value); };
  out.createNil = [](const redisReadTask* task) -> void* { return Builder::nil(task); };
  out.freeObject = [](void* reply) { delete static_cast<Reply*>(reply); };
  return out;
}

}  // namespace

struct ReplyParser::Reader {
  redisReplyObjectFunctions calls = functions();
  Builder builder;
  redisReader* hiredis = redisReaderCreateWithFunctions(&calls);
  std::size_t held = 0;  // bytes fed since the last complete reply, at most

  Reader() {
    if (hiredis == nullptr) throw std::bad_alloc();
    hiredis->privdata = &builder;
  }
  ~Reader() { redisReaderFree(hiredis); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

ReplyParser::ReplyParser() : reader_(std::make_unique<Reader>()) {}
ReplyParser::~ReplyParser() = default;

void ReplyParser::feed(std::string_view bytes) {
  reader_->held += bytes.size();
  redisReaderFeed(reader_->hiredis, bytes.data(), bytes.size());
}

base::Result<std::optional<Reply>> ReplyParser::next() {
  void* root = nullptr;
  if (redisReaderGetReply(reader_->hiredis, &root) != REDIS_OK) {
    if (reader_->builder.too_many())
      return base::Error{base::Errc::too_large,
                         "what Redis answered: a reply of over " + std::to_string(kElementsMax) + " elements"};
    if (reader_->builder.too_deep())
      return base::Error{base::Errc::malformed, "what Redis answered: arrays within arrays, too deep"};
    return base::Error{base::Errc::malformed, std::string("what Redis answered: ") + reader_->hiredis->errstr};
  }
  if (root == nullptr) {
    if (reader_->held > kReplyBytesMax)
      return base::Error{base::Errc::too_large, "what Redis answered: a reply of over 64 MiB"};
    return std::optional<Reply>();
  }
  reader_->builder.begin();
  reader_->held = reader_->hiredis->len - reader_->hiredis->pos;
  const std::unique_ptr<Reply> reply(static_cast<Reply*>(root));
  return std::optional<Reply>(std::move(*reply));
}

}  // namespace footfall::redis
