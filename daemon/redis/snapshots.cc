// SPDX-License-Identifier: Apache-2.0
#include "redis/snapshots.h"

#include <charconv>
#include <memory>
#include <set>
#include <utility>

#include "redis/pieces.h"

namespace footfall::redis {

void Snapshots::save(const Name& name, const std::string& bytes, std::size_t kept, Then<void> then) {
  calls_.call({"SET", key(name.site, "snapshot:" + name.id), bytes},
              [this, name, kept, then = std::move(then)](const base::Result<Reply>& done) {
                if (!done) return then(done.error());
                index(name, kept, then);
              });
}

void Snapshots::index(const Name& name, std::size_t kept, Then<void> then) {
  calls_.call({"ZADD", key(name.site, "snapshots"), std::to_string(name.taken_ms), name.id},
              [this, site = name.site, kept, then = std::move(then)](const base::Result<Reply>& done) {
                if (!done) return then(done.error());
                calls_.call({"SADD", prefix_ + ":{meta}:sites", site},
                            [this, site, kept, then](const base::Result<Reply>& added) {
                              if (!added) return then(added.error());
                              prune(site, kept, then);
                            });
              });
}

void Snapshots::prune(const std::string& site, std::size_t kept, Then<void> then) {
  calls_.call({"ZRANGE", key(site, "snapshots"), "0", std::to_string(-static_cast<std::int64_t>(kept) - 1)},
              [this, site, then = std::move(then)](base::Result<Reply> old) {
                if (!old) return then(old.error());
                if (old->elements.empty()) return then({});
                // Unnamed first: what is named is there.
                std::vector<std::string> unname{"ZREM", key(site, "snapshots")};
                std::vector<std::string> remove{"DEL"};
                for (const Reply& id : old->elements) {
                  unname.push_back(id.text);
                  remove.push_back(key(site, "snapshot:" + id.text));
                }
                calls_.call(unname, [this, remove, then](const base::Result<Reply>& unnamed) {
                  if (!unnamed) return then(unnamed.error());
                  calls_.call(remove, [then](const base::Result<Reply>& removed) {
                    removed ? then({}) : then(removed.error());
                  });
                });
              });
}

void Snapshots::list(const std::string& site, Then<std::vector<Name>> then) {
  calls_.call({"ZRANGE", key(site, "snapshots"), "0", "-1", "REV", "WITHSCORES"},
              [site, then = std::move(then)](base::Result<Reply> found) {
                if (!found) return then(found.error());
                std::vector<Name> out;
                for (std::size_t i = 0; i + 1 < found->elements.size(); i += 2) {
                  Name name{site, found->elements[i].text, 0};
                  const std::string& score = found->elements[i + 1].text;
                  std::from_chars(score.data(), score.data() + score.size(), name.taken_ms);
                  out.push_back(std::move(name));
                }
                then(std::move(out));
              });
}

void Snapshots::sites(const Then<std::vector<std::string>>& then) {
  const auto found = std::make_shared<std::set<std::string>>();  // one may come twice
  const Call send = [this, then](const std::vector<std::string>& words, std::function<void(const Reply&)> done) {
    calls_.call(words, [then, done = std::move(done)](const base::Result<Reply>& reply) {
      reply ? done(*reply) : then(reply.error());
    });
  };
  scan(send, "SSCAN", prefix_ + ":{meta}:sites", 1000,
       [found, then](const std::vector<Reply>& sites, const More& more) {
         for (const Reply& site : sites) found->insert(site.text);
         if (more) return more();
         then(std::vector<std::string>(found->begin(), found->end()));
       });
}

void Snapshots::load(const std::string& site, const std::string& id, Then<std::string> then) {
  calls_.call({"GET", key(site, "snapshot:" + id)}, [site, id, then = std::move(then)](base::Result<Reply> found) {
    if (!found) return then(found.error());
    if (found->is(Reply::Type::nil)) {
      return then(base::Error{base::Errc::not_found, "Redis has no snapshot " + id + " of " + site +
                                                         "; `footfall snapshot list` shows those there are"});
    }
    then(std::move(found->text));
  });
}

}  // namespace footfall::redis
