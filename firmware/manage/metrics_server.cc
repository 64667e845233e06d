#include "firmware/manage/metrics_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/manage/exposition.h"
#include "firmware/manage/http_write.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Page = std::shared_ptr<const std::string>;

constexpr std::chrono::seconds kHeaderTime{5};
constexpr std::chrono::seconds kAnswerTime{10};
// Until the next try, when no connection can be taken for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};

constexpr auto kEnd = [](const std::exception_ptr&) {};

}  // namespace

// Invariant: at most two pages are alive: the newest, and one that somebody still reads.
struct MetricsServer::State {
  State(asio::io_context& event_loop, Parts all)
      : context(event_loop), parts(std::move(all)), acceptor(event_loop) {}

  Page current() {
    const Microseconds now = parts.now();
    const bool is_new = page != nullptr && now - made < kPageTime;
    if (is_new || !before.expired()) return page;
    before = page;
    page = std::make_shared<const std::string>(parts.page());
    made = now;
    return page;
  }

  asio::io_context& context;
  const Parts parts;
  tcp::acceptor acceptor;
  bool is_open = true;
  size_t connections = 0;
  Page page;
  std::weak_ptr<const std::string> before;  // the page that was replaced last
  Microseconds made = 0;
};

namespace {

// A connection counts from here to its end.
template <typename State>
class Place {
 public:
  explicit Place(std::shared_ptr<State> state) : state_(std::move(state)) { ++state_->connections; }
  ~Place() {
    if (state_ != nullptr) --state_->connections;
  }
  Place(Place&&) noexcept = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  State& state() const { return *state_; }

 private:
  std::shared_ptr<State> state_;
};

using Request = http::request<http::empty_body>;

// What is answered to all but GET /metrics.
http::status refusal_of(const Request& request) {
  const auto target = request.target();
  if (target.substr(0, target.find('?')) != "/metrics") return http::status::not_found;
  return request.method() == http::verb::get ? http::status::ok : http::status::method_not_allowed;
}

template <typename State>
asio::awaitable<void> serve(Place<State> place, beast::tcp_stream stream) {
  beast::error_code error;
  beast::flat_buffer buffer(kMaxApiHeader);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMaxApiHeader);
  stream.expires_after(kHeaderTime);
  co_await http::async_read_header(stream, buffer, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  if (error || !place.state().is_open) co_return;

  const http::status status = refusal_of(parser.get());
  const Page page = status == http::status::ok
                        ? place.state().current()
                        : std::make_shared<const std::string>("only GET /metrics is here\n");
  http::response<http::span_body<const char>> response(status, 11);
  const bool is_page = status == http::status::ok;
  response.set(http::field::content_type, is_page ? std::string(kMetricsContent) : "text/plain");
  if (status == http::status::method_not_allowed) response.set(http::field::allow, "GET");
  response.keep_alive(false);
  response.body() = beast::span<const char>(page->data(), page->size());
  response.prepare_payload();
  stream.expires_after(kAnswerTime);
  co_await write_message(stream, response, error);
  stream.socket().shutdown(tcp::socket::shutdown_send, error);
}

template <typename State>
asio::awaitable<void> take_in(std::shared_ptr<State> state) {
  asio::steady_timer pause(state->context);
  while (state->is_open) {
    beast::error_code error;
    try {
      tcp::socket socket =
          co_await state->acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!state->is_open) co_return;
      if (!error && state->connections < kMaxMetricsConnections) {
        asio::co_spawn(state->context,
                       serve(Place<State>(state), beast::tcp_stream(std::move(socket))), kEnd);
      }
    } catch (const std::bad_alloc&) {
      error = asio::error::no_memory;
    }
    if (!error) continue;
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(asio::io_context& context,
                                                            const std::string& listen,
                                                            Parts parts) {
  const std::optional<Endpoint> endpoint = parse_endpoint(listen);
  if (!endpoint) return Error{"metrics.listen is " + listen + ", which is no address with a port"};
  auto state = std::make_shared<State>(context, std::move(parts));
  tcp::acceptor& acceptor = state->acceptor;
  beast::error_code error;
  const tcp::endpoint at(asio::ip::make_address(to_string(endpoint->address), error),
                         endpoint->port);
  if (!error) acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error{"metrics.listen: nobody can listen on " + listen + " (" + error.message() +
                 "): name an address of this box and a free port"};
  }
  asio::co_spawn(context, take_in(state), kEnd);
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(state)));
}

MetricsServer::~MetricsServer() {
  state_->is_open = false;
  beast::error_code error;
  state_->acceptor.close(error);
}

}  // namespace evenkeel
