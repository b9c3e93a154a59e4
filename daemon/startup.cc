// SPDX-License-Identifier: Apache-2.0
#include "startup.h"

#include <chrono>
#include <utility>

#include "api/health.h"
#include "api/problems.h"
#include "base/thread_name.h"
#include "http/response.h"

namespace footfall {
namespace {

// Probes, and people who look: nothing that needs more.
http::LoopLimits few_connections() {
  http::LoopLimits limits;
  limits.connections_max = 256;
  return limits;
}

void answer(std::string& out, const http::Request& request, const store::RecoveryProgress& progress,
            std::string_view date) {
  const bool head = request.method == http::Method::head;
  const bool read = head || request.method == http::Method::get;
  api::HealthAnswer state;
  if (read && request.path == "/livez") {
    state = api::livez();
  } else if (read && request.path == "/startupz") {
    state = api::startupz(&progress);
  } else if (read && request.path == "/readyz") {
    state = api::readyz({}, request.query, 0);
  } else {
    api::write_problem(out, api::Problem::unavailable,
                       "the data directory is being read after a start; GET /startupz says how far", date, false, {},
                       head);
    return;
  }
  http::Response response;
  response.status = state.status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = state.body;
  if (state.status == 503) response.extra_fields = "Retry-After: 1\r\n";
  response.cors = false;
  http::write(out, response, date, false, head);
}

}  // namespace

StartupListener::StartupListener(const std::vector<http::ListenAddress>& addresses,
                                 const store::RecoveryProgress& progress,
                                 const std::shared_ptr<const base::TlsContext>& tls, ServiceManager manager,
                                 const InheritedSockets& inherited)
    : progress_(progress),
      manager_(std::move(manager)),
      context_(1),
      loop_(context_, clock_, *this, http::ParserLimits{}, few_connections()) {
  for (const http::ListenAddress& address : addresses) {
    std::vector<http::BoundSocket> sockets = inherited.share(address, SOCK_STREAM);
    if (sockets.empty()) listeners_.push_back(http::Listener::open(context_, address, 0, {&loop_}, tls).value());
    for (http::BoundSocket& socket : sockets) {
      shared_.push_back(
          http::Listener::open(context_, std::move(socket), 0, {&loop_}, address.tls ? tls : nullptr).value());
    }
  }
  thread_ = std::thread([this] {
    base::name_this_thread("startup");
    context_.run();
  });
}

StartupListener::~StartupListener() {
  context_.stop();
  thread_.join();
  for (const auto& listener : shared_) listener->leave();
}

// A recovery that stands still is not waited for. Reading the checkpoint, which comes first, says nothing of how far it
// is.
void StartupListener::tell_manager() {
  if (!manager_.there()) return;
  constexpr int kStillMax = 60;
  constexpr int kCheckpointMax = 600;
  const std::uint64_t streams = progress_.streams;
  const std::uint64_t now = progress_.bytes_read + progress_.stream;
  same_ = now == told_ ? same_ + 1 : 0;
  told_ = now;
  if (same_ > (streams == 0 ? kCheckpointMax : kStillMax)) return;
  manager_.starting(api::startupz(&progress_).body, std::chrono::seconds(kStillMax));
}

void StartupListener::on_requests(http::ConnectionRef connection, const http::Peer&, http::Requests& requests) {
  const std::string date = http::imf_fixdate(loop_.now_ms() / 1000);
  while (const http::Request* request = requests.next()) {
    answer(loop_.begin_answer(connection), *request, progress_, date);
    loop_.finish_answer(connection, true);
  }
}

void StartupListener::on_refused(const http::Peer&, http::ParseError error, const http::Request* request,
                                 std::string& answer) {
  api::write_refused(answer, error, http::imf_fixdate(loop_.now_ms() / 1000), {},
                     request != nullptr && request->method == http::Method::head);
}

}  // namespace footfall
