// SPDX-License-Identifier: Apache-2.0
#include "ingest/batch_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "footfall/v1/hit.pb.h"
#include "support/gzip.h"
#include "support/rng_seed.h"

namespace footfall::ingest {
namespace {

using Failure = BatchReader::Failure;
using testing::gzip;

// A body that lies in memory of its own size, so that a sanitizer sees a byte too many.
void take(BatchReader& reader, std::string_view bytes) {
  const auto exact = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  reader.take({exact.get(), bytes.size()});
}

// What a reader found, as a text that can be compared.
std::string found(const BatchReader& reader) {
  std::string out = std::to_string(static_cast<int>(reader.failure())) + " " + reader.detail() + "\n";
  if (reader.failure() != Failure::none) return out;
  out += std::to_string(reader.count()) + "\n";
  for (std::size_t n = 0; n < reader.good(); ++n) {
    const Item& item = reader.item(n);
    out += std::to_string(reader.index(n));
    for (const std::string_view text : {item.ping.site, item.ping.path, item.ping.referrer, item.ping.campaign,
                                        item.ping.event, item.ping.origin_host, item.agent, item.visitor})
      out.append("|").append(text);
    out += "|" + std::to_string(static_cast<int>(item.ping.kind)) + "|" + std::to_string(item.at_s) + "|";
    if (item.has_address) out.append(item.address.bytes.begin(), item.address.bytes.end());
    out += "\n";
  }
  for (const auto& [index, reason] : reader.unreadable())
    out.append(std::to_string(index) + ": ").append(reason) += "\n";
  return out;
}

class BatchTest : public ::testing::Test {
 public:
  // Whole; then in pieces, byte by byte among others: nothing may change.
  void parse(const std::string& body, BatchFormat format = BatchFormat::ndjson, bool gzipped = false) {
    items_.clear();
    bad_.clear();
    reader_.begin(format, gzipped);
    take(reader_, body);
    reader_.finish();
    for (std::size_t n = 0; n < reader_.good(); ++n) items_.emplace_back(reader_.index(n), reader_.item(n));
    for (const auto& [index, reason] : reader_.unreadable()) bad_.emplace_back(index, reason);
    const std::string whole = found(reader_);
    for (const std::size_t most : {1U, 7U, 4096U}) {
      if (body.size() / most > 200'000) continue;
      pieces_.begin(format, gzipped);
      for (std::size_t at = 0; at < body.size();) {
        const std::size_t size = std::min<std::size_t>(1 + rng_() % most, body.size() - at);
        take(pieces_, std::string_view(body).substr(at, size));
        at += size;
      }
      pieces_.finish();
      ASSERT_EQ(found(pieces_), whole) << "in pieces of at most " << most << " bytes";
    }
  }
  void parse(const v1::HitBatch& batch) { parse(batch.SerializeAsString(), BatchFormat::protobuf); }
  const Item& only() {
    EXPECT_EQ(items_.size(), 1U);
    EXPECT_TRUE(bad_.empty()) << bad_.front().second;
    static const Item none;
    return items_.empty() ? none : items_.front().second;
  }
  std::int64_t time_of(const std::string& json) {
    parse("{\"site\":\"s\",\"time\":" + json + "}");
    return items_.empty() ? INT64_MIN : items_.front().second.at_s;
  }
  BatchReader reader_;
  BatchReader pieces_;
  std::mt19937_64 rng_{testing::rng_seed()};
  std::vector<std::pair<std::size_t, Item>> items_;
  std::vector<std::pair<std::size_t, std::string>> bad_;
};

TEST_F(BatchTest, ReadsAllKeysOfAnItem) {
  parse(
      R"({"site":"example.vn","path":"/p?utm_campaign=x","ref":"https://n.example/a?b","kind":"event","name":"buy","time":1448323200,)"
      R"("address":"2001:db8::1","agent":"Mozilla/5.0 \"x\"","visitor":"42"})");
  const Item& item = only();
  EXPECT_EQ(item.ping.site, "example.vn");
  EXPECT_EQ(item.ping.path, "/p");
  EXPECT_EQ(item.ping.campaign, "x");
  EXPECT_EQ(item.ping.referrer, "https://n.example/a");
  EXPECT_EQ(item.ping.kind, counting::Kind::event);
  EXPECT_EQ(item.ping.event, "buy");
  EXPECT_EQ(item.at_s, 1'448'323'200);
  EXPECT_TRUE(item.has_address);
  EXPECT_EQ(item.address.bytes[0], 0x20);
  EXPECT_EQ(item.agent, "Mozilla/5.0 \"x\"");
  EXPECT_EQ(item.visitor, "42");
}

TEST_F(BatchTest, WhatIsAbsentIsToldFromWhatIsSent) {
  parse(R"({"site":"s"})");
  const Item& item = only();
  EXPECT_EQ(item.at_s, INT64_MIN);
  EXPECT_FALSE(item.has_address);
  EXPECT_EQ(item.agent, "");
  EXPECT_EQ(item.visitor, "");
  EXPECT_EQ(item.ping.path, "");
}

TEST_F(BatchTest, TimesAreSecondsOrRfc3339) {
  EXPECT_EQ(time_of("1448323200"), 1'448'323'200);
  EXPECT_EQ(time_of("1448323200.9"), 1'448'323'200);
  EXPECT_EQ(time_of("\"1448323200\""), 1'448'323'200);
  EXPECT_EQ(time_of("\"2015-11-24T07:00:00+07:00\""), 1'448'323'200);
  EXPECT_EQ(time_of("-1"), -1);
  EXPECT_EQ(time_of("-0.5"), -1);
  EXPECT_EQ(time_of("-1.0"), -1);
  EXPECT_EQ(time_of("null"), INT64_MIN);
  EXPECT_EQ(items_.size(), 1U);
}

TEST_F(BatchTest, TimesThatAreNoneAreRefused) {
  for (const char* json : {"\"yesterday\"", "1e9", "99999999999999", "-99999999999999", "99999999999999999999",
                           "\"1448323200x\"", "\"1.\"", "true", "\"2015-11-24\""}) {
    time_of(json);
    ASSERT_EQ(bad_.size(), 1U) << json;
    EXPECT_NE(bad_[0].second.find(std::string(json) == "99999999999999999999" ? "" : "time"), std::string::npos)
        << bad_[0].second;
  }
}

TEST_F(BatchTest, BadLinesAreToldByIndexAndDoNotStopTheOthers) {
  parse(
      "{\"site\":\"a\"}\n\n  "
      "\r\nnonsense\n{\"site\":\"b\"}\r\n{\"path\":\"/p\"}\n{\"site\":\"c\",\"address\":\"x\"}\n{\"site\":\"d\"} "
      "{}\n{\"site\":\"e\"}");
  ASSERT_EQ(items_.size(), 3U);
  EXPECT_EQ(items_[0].first, 0U);
  EXPECT_EQ(items_[0].second.ping.site, "a");
  EXPECT_EQ(items_[1].first, 2U);
  EXPECT_EQ(items_[1].second.ping.site, "b");
  EXPECT_EQ(items_[2].first, 6U);
  EXPECT_EQ(items_[2].second.ping.site, "e");
  ASSERT_EQ(bad_.size(), 4U);
  EXPECT_EQ(bad_[0].first, 1U);
  EXPECT_EQ(bad_[1].first, 3U);
  EXPECT_NE(bad_[1].second.find("site"), std::string::npos);
  EXPECT_EQ(bad_[2].first, 4U);
  EXPECT_NE(bad_[2].second.find("address"), std::string::npos);
  EXPECT_EQ(bad_[3].first, 5U);
}

TEST_F(BatchTest, ALineIsNotContinuedByTheNext) {
  parse("{\"site\":\n\"a\"}\n{\"site\":\"a\nb\"}\n{\"site\":\"c\"");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(bad_.size(), 5U);
}

TEST_F(BatchTest, AnEmptyBodyHasNoItems) {
  parse("");
  parse("\n\n");
  EXPECT_TRUE(items_.empty());
  EXPECT_TRUE(bad_.empty());
}

TEST_F(BatchTest, AnOverlongLineIsRefusedAlone) {
  parse("{\"site\":\"a\",\"x\":\"" + std::string(kBatchItemMax, 'x') + "\"}\n{\"site\":\"b\"}");
  ASSERT_EQ(items_.size(), 1U);
  EXPECT_EQ(items_[0].second.ping.site, "b");
  ASSERT_EQ(bad_.size(), 1U);
}

TEST_F(BatchTest, ItemsOutliveTheParsing) {
  std::string body;
  for (int i = 0; i < 5000; ++i)
    body += "{\"site\":\"s" + std::to_string(i) + "\",\"path\":\"/p" + std::to_string(i) + "\",\"agent\":\"a" +
            std::to_string(i) + "\"}\n";
  parse(body);
  ASSERT_EQ(items_.size(), 5000U);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    ASSERT_EQ(items_[i].first, i);
    ASSERT_EQ(items_[i].second.ping.site, "s" + std::to_string(i));
    ASSERT_EQ(items_[i].second.ping.path, "/p" + std::to_string(i));
    ASSERT_EQ(items_[i].second.agent, "a" + std::to_string(i));
  }
}

TEST_F(BatchTest, ABatchOfTooManyItemsIsRefusedAsAWhole) {
  std::string body;
  for (std::size_t i = 0; i < kBatchItemsMax; ++i) body += "{\"site\":\"s\"}\n";
  parse(body);
  EXPECT_EQ(items_.size(), kBatchItemsMax);
  parse(body + "x");
  EXPECT_EQ(reader_.failure(), Failure::too_large);
  EXPECT_NE(reader_.detail().find("20000"), std::string::npos);
}

// --- messages ---

TEST_F(BatchTest, AMessageSaysWhatALineSays) {
  v1::HitBatch batch;
  v1::Hit& hit = *batch.add_hits();
  hit.set_site("example.vn");
  hit.set_path("/p?utm_campaign=x");
  hit.set_ref("https://n.example/a?b");
  hit.set_kind(v1::Hit::EVENT);
  hit.set_name("buy");
  hit.set_time(1'448'323'200);
  hit.set_address(std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
  hit.set_agent("Mozilla/5.0 \"x\"");
  hit.set_visitor("42");
  parse(batch);
  const std::string message = found(reader_);
  parse(
      R"({"site":"example.vn","path":"/p?utm_campaign=x","ref":"https://n.example/a?b","kind":"event","name":"buy","time":1448323200,)"
      R"("address":"2001:db8::1","agent":"Mozilla/5.0 \"x\"","visitor":"42"})");
  EXPECT_EQ(message, found(reader_));
}

TEST_F(BatchTest, AnIpv4AddressIsTheMappedOneAsInALine) {
  v1::HitBatch batch;
  batch.set_site("s");
  batch.add_hits()->set_address(std::string("\xc0\x00\x02\x01", 4));
  parse(batch);
  const Address message = only().address;
  parse(R"({"site":"s","address":"192.0.2.1"})");
  EXPECT_EQ(message.bytes, only().address.bytes);
}

TEST_F(BatchTest, TheSiteOfTheBatchIsThatOfHitsWithoutOneWhereverItStands) {
  v1::HitBatch hits;
  hits.add_hits()->set_path("/a");
  hits.add_hits()->set_site("other");
  v1::HitBatch site;
  site.set_site("s");
  for (const std::string& body :
       {hits.SerializeAsString() + site.SerializeAsString(), site.SerializeAsString() + hits.SerializeAsString()}) {
    parse(body, BatchFormat::protobuf);
    ASSERT_EQ(items_.size(), 2U);
    EXPECT_EQ(items_[0].second.ping.site, "s");
    EXPECT_EQ(items_[1].second.ping.site, "other");
  }
  parse(hits);
  ASSERT_EQ(items_.size(), 1U);
  EXPECT_EQ(items_[0].first, 1U);
  ASSERT_EQ(bad_.size(), 1U);
  EXPECT_EQ(bad_[0], std::make_pair(std::size_t{0}, std::string("site: missing; name the site as it is registered")));
}

TEST_F(BatchTest, WhatAMessageCannotSayIsRefusedAlone) {
  v1::HitBatch batch;
  batch.set_site("s");
  batch.add_hits()->set_kind(static_cast<v1::Hit::Kind>(7));
  batch.add_hits()->set_address("12345");
  batch.add_hits()->set_time(INT64_MAX);
  batch.add_hits()->set_kind(v1::Hit::EVENT);
  batch.add_hits()->set_path("/" + std::string(kBatchItemMax, 'x'));
  batch.add_hits()->set_path("/" + std::string(2000, 'x'));
  batch.add_hits()->set_path("/good");
  parse(batch);
  ASSERT_EQ(items_.size(), 1U);
  EXPECT_EQ(items_[0].first, 6U);
  ASSERT_EQ(bad_.size(), 6U);
  const char* const reasons[] = {"kind: ", "address: ", "time: ", "name: ", "longer than 64 KiB", "path: "};
  for (std::size_t i = 0; i < bad_.size(); ++i) EXPECT_EQ(bad_[i].second.find(reasons[i]), 0U) << bad_[i].second;
}

TEST_F(BatchTest, ABodyThatIsNoMessageIsRefusedAsAWhole) {
  v1::HitBatch batch;
  batch.set_site("s");
  batch.add_hits()->set_path("/p");
  const std::string body = batch.SerializeAsString();
  for (const std::string& bad :
       {body + '\x0b', body + std::string(1, '\0'), body + "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}) {
    parse(bad, BatchFormat::protobuf);
    EXPECT_EQ(reader_.failure(), Failure::malformed);
    EXPECT_NE(reader_.detail().find("at hit 1"), std::string::npos) << reader_.detail();
  }
  for (std::size_t size = 1; size < body.size(); ++size) {
    parse(body.substr(0, size), BatchFormat::protobuf);
    EXPECT_EQ(reader_.failure() == Failure::none, size == 3) << size;  // behind the site
  }
}

// Random batches, with fields that nobody knows: what the generated code reads back, this reads.
TEST_F(BatchTest, ReadsWhatTheGeneratedCodeReads) {
  const auto text = [this](std::size_t most) {
    std::string out(rng_() % (most + 1), '\0');
    for (char& c : out) c = static_cast<char>('a' + rng_() % 26);
    return out;
  };
  const auto maybe = [this] { return rng_() % 2 == 0; };
  for (int round = 0; round < 300; ++round) {
    v1::HitBatch batch;
    if (maybe()) batch.set_site(text(8));
    const std::size_t hits = rng_() % 20;
    std::string body;
    for (std::size_t n = 0; n < hits; ++n) {
      v1::Hit& hit = *batch.add_hits();
      if (maybe()) hit.set_site("s" + text(5));
      if (maybe()) hit.set_path("/" + text(300));
      if (maybe()) hit.set_url("https://h.example/" + text(3));
      if (maybe()) hit.set_ref("https://r.example/" + text(30));
      if (maybe()) hit.set_kind(static_cast<v1::Hit::Kind>(rng_() % 3));
      if (maybe()) hit.set_name("n" + text(4));
      if (maybe()) hit.set_time(static_cast<std::int64_t>(rng_() % 4'000'000'000));
      if (maybe()) hit.set_address(std::string(maybe() ? 4 : 16, static_cast<char>(rng_())));
      if (maybe()) hit.set_agent(text(200));
      if (maybe()) hit.set_visitor(text(20));
      auto* const unknown = v1::Hit::GetReflection()->MutableUnknownFields(&hit);
      if (maybe()) unknown->AddVarint(100, rng_());
      if (maybe()) unknown->AddFixed32(101, 1);
      if (maybe()) unknown->AddFixed64(3, 1);  // a known number of another type
      if (maybe()) unknown->AddLengthDelimited(200'000, text(100));
    }
    parse(batch);
    ASSERT_EQ(reader_.failure(), Failure::none) << reader_.detail();
    v1::HitBatch read;
    ASSERT_TRUE(read.ParseFromString(batch.SerializeAsString()));
    ASSERT_EQ(reader_.count(), static_cast<std::size_t>(read.hits_size()));
    std::size_t next = 0;
    for (std::size_t n = 0; n < hits; ++n) {
      const v1::Hit& hit = read.hits(static_cast<int>(n));
      const bool good =
          (!hit.site().empty() || !read.site().empty()) && (hit.kind() != v1::Hit::EVENT || !hit.name().empty());
      if (!good) continue;
      ASSERT_LT(next, items_.size());
      const auto& [index, item] = items_[next++];
      ASSERT_EQ(index, n);
      EXPECT_EQ(item.ping.site, hit.site().empty() ? read.site() : hit.site());
      if (!hit.path().empty()) {
        EXPECT_EQ(item.ping.path, hit.path());
      }
      if (hit.path().empty() && !hit.url().empty()) {
        EXPECT_EQ(item.ping.path, hit.url().substr(17));
      }
      EXPECT_EQ(item.ping.referrer, hit.ref());
      EXPECT_EQ(static_cast<int>(item.ping.kind), static_cast<int>(hit.kind()));
      EXPECT_EQ(item.ping.event, hit.kind() == v1::Hit::EVENT ? hit.name() : "");
      EXPECT_EQ(item.at_s, hit.has_time() ? hit.time() : INT64_MIN);
      EXPECT_EQ(item.has_address, !hit.address().empty());
      EXPECT_EQ(item.agent, hit.agent());
      EXPECT_EQ(item.visitor, hit.visitor());
    }
    EXPECT_EQ(next, items_.size());
  }
}

// --- gzip ---

TEST_F(BatchTest, AGzippedBodyIsReadAsWhatItPacks) {
  const std::string lines = "{\"site\":\"a\"}\n{\"site\":\"b\"}\n";
  parse(gzip(lines), BatchFormat::ndjson, true);
  EXPECT_EQ(items_.size(), 2U);
  parse(gzip(lines) + gzip("{\"site\":\"c\"}"), BatchFormat::ndjson, true);
  ASSERT_EQ(items_.size(), 3U);
  EXPECT_EQ(items_[2].second.ping.site, "c");
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "{\"site\":\"s" + std::to_string(i) + "\"}\n";
  parse(gzip(many), BatchFormat::ndjson, true);
  EXPECT_EQ(items_.size(), 20'000U);
}

TEST_F(BatchTest, WhatIsNoGzipIsRefusedAsAWhole) {
  const std::string packed = gzip("{\"site\":\"a\"}\n");
  std::string flipped = packed;
  flipped[flipped.size() - 6] = static_cast<char>(flipped[flipped.size() - 6] ^ 1);  // of its checksum
  for (const std::string& bad :
       {std::string("{\"site\":\"a\"}"), packed.substr(0, packed.size() - 1), packed + "x", flipped, std::string()}) {
    parse(bad, BatchFormat::ndjson, true);
    EXPECT_EQ(reader_.failure(), Failure::malformed) << bad.size();
  }
}

TEST_F(BatchTest, OfTwoFaultsTheFirstIsToldHoweverTheBodyArrives) {
  std::string packed = gzip(std::string("\x0a\x00\x00", 3));  // field 0 does not exist
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
  parse(packed, BatchFormat::protobuf, true);
  EXPECT_EQ(reader_.failure(), Failure::malformed);
  EXPECT_NE(reader_.detail().find("HitBatch"), std::string::npos) << reader_.detail();
}

TEST_F(BatchTest, AReaderThatFailedReadsTheNextBody) {
  const std::string packed = gzip("{\"site\":\"a\"}\n");
  for (const std::string& bad : {packed.substr(0, packed.size() / 2), std::string("no gzip")}) {
    parse(bad, BatchFormat::ndjson, true);
    EXPECT_EQ(reader_.failure(), Failure::malformed);
    parse(packed, BatchFormat::ndjson, true);
    EXPECT_EQ(items_.size(), 1U);
  }
}

TEST_F(BatchTest, WhatUnpacksToTooMuchIsRefusedBeforeItIsHeld) {
  BatchReader reader(1U << 20U);
  reader.begin(BatchFormat::ndjson, true);
  take(reader, gzip(std::string(64U << 20U, ' ')));
  reader.finish();
  EXPECT_EQ(reader.failure(), Failure::too_large);
  EXPECT_LT(reader.memory(), 1U << 20U);
}

TEST_F(BatchTest, ItsMemoryIsToldAndIsThatOfItsItems) {
  BatchReader reader;
  reader.begin(BatchFormat::ndjson, false);
  const std::size_t before = reader.memory();
  std::string body;
  for (int i = 0; i < 1000; ++i) body += "{\"site\":\"s\",\"agent\":\"" + std::string(1000, 'a') + "\"}\n";
  take(reader, body);
  EXPECT_GE(reader.memory() - before, 1'000'000U);
}

}  // namespace
}  // namespace footfall::ingest
