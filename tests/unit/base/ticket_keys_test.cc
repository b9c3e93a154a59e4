// SPDX-License-Identifier: Apache-2.0
#include "base/ticket_keys.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <set>

#include "base/tls.h"
#include "support/certificate.h"
#include "support/temporary_directory.h"

namespace footfall::base {
namespace {

class TicketKeysTest : public ::testing::TestWithParam<int> {
 protected:
  TicketKeysTest() {
    SSL_CTX_set_min_proto_version(clients_.get(), GetParam());
    SSL_CTX_set_max_proto_version(clients_.get(), GetParam());
    rotate_ticket_keys(servers_.get(), clock_);
  }
  // Whether the server knew the session of the visit before.
  bool goes_on() {
    TlsFilter client = TlsFilter::connect(clients_, "localhost", session_), server = TlsFilter::accept(servers_);
    for (int i = 0; i < 4; ++i) {
      std::string to_server, to_client, heard;
      EXPECT_TRUE(client.send("", to_server));
      EXPECT_TRUE(server.receive(to_server, heard));
      EXPECT_TRUE(server.send("", to_client));
      EXPECT_TRUE(client.receive(to_client, heard));
    }
    EXPECT_TRUE(client.established() && server.established());
    session_ = client.session();
    EXPECT_NE(session_, nullptr);
    return server.resumed();
  }
  void pass(std::int64_t seconds) { clock_.advance_ms(seconds * 1000); }

  testing::TemporaryDirectory directory_;
  testing::Certificate pair_{directory_.file("certificate.pem"), directory_.file("key.pem")};
  ManualClock clock_{1'700'000'000'000};
  TlsContext servers_ = *TlsContext::for_servers(pair_.certificate(), pair_.key());
  TlsContext clients_ = *TlsContext::for_clients(pair_.certificate());
  TlsSession session_;
};

TEST_P(TicketKeysTest, ATicketGoesOnUnderThisKeyAndTheLast) {
  EXPECT_FALSE(goes_on());
  pass(kTicketKeyLife_s - 1);
  EXPECT_TRUE(goes_on());
  const TlsSession old = session_;
  pass(1);
  EXPECT_TRUE(goes_on()) << "the last key's";
  pass(kTicketKeyLife_s);
  EXPECT_TRUE(goes_on()) << "that visit got a ticket under the new key";
  session_ = old;
  EXPECT_FALSE(goes_on()) << "two keys ago";
}

TEST_P(TicketKeysTest, AfterADayWithoutAnybodyNoOldTicketGoesOn) {
  EXPECT_FALSE(goes_on());
  pass(2 * kTicketKeyLife_s);
  EXPECT_FALSE(goes_on());
  EXPECT_TRUE(goes_on());
}

INSTANTIATE_TEST_SUITE_P(Versions, TicketKeysTest, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace footfall::base
