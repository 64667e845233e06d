#include "firmware/manage/server.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <new>
#include <type_traits>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/manage/http.h"
#include "firmware/manage/http_write.h"
#include "firmware/manage/peer.h"
#include "firmware/manage/places.h"
#include "firmware/manage/socket_file.h"
#include "firmware/manage/tls.h"
#include "firmware/manage/tokens.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using LocalStream = beast::basic_stream<Local>;
using RemoteStream = beast::ssl_stream<beast::tcp_stream>;

// A header, from the end of the request before it; a body; an answer; a TLS handshake; and how long
// a connection that was refused is listened to, so that its end reads why.
constexpr std::chrono::seconds kHeaderTime{15};
constexpr std::chrono::seconds kBodyTime{30};
constexpr std::chrono::seconds kAnswerTime{60};
constexpr std::chrono::seconds kHandshakeTime{5};
constexpr std::chrono::seconds kFarewellTime{1};
constexpr size_t kFarewellBytes = 1u << 20;
// Until the next try, when no connection can be taken for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};

// Of the header's bytes and the first ones of the body.
constexpr size_t kBufferBytes = 4 * kMaxApiHeader;

constexpr uint32_t kNoUid = UINT32_MAX;

// Who is at the other end of a connection.
struct Visitor {
  std::string user;  // empty: a token must say it, with each request
  uint32_t uid = kNoUid;
  Role role = Role::viewer;

  Identity identity() const { return {.user = user, .uid = uid, .role = role}; }
};

// Bytes that are kept for clients, given back with its end.
class Reservation {
 public:
  explicit Reservation(size_t& in_flight) : in_flight_(in_flight) {}
  ~Reservation() { in_flight_ -= bytes_; }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  bool take(size_t bytes) {
    if (bytes > kMaxApiBytesInFlight - in_flight_) return false;
    in_flight_ += bytes;
    bytes_ += bytes;
    return true;
  }

 private:
  size_t& in_flight_;
  size_t bytes_ = 0;
};

Outgoing busy() {
  return refusal(503, "busy", "the box is answering as many requests as it can",
                 "end other connections, or try again in some seconds");
}

// To somebody who gets nothing else, at once.
void send_at_once(Local::socket& socket, Outgoing outgoing) {
  const HttpResponse response = response_of(std::move(outgoing), 11, false);
  const std::string bytes = header_text(response) + response.body();
  (void)::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

struct Server::State {
  State(asio::io_context& event_loop, Managed all, std::function<Instant()> now)
      : context(event_loop),
        managed(std::move(all)),
        clock(std::move(now)),
        peers(managed.settings, clock().now),
        local(event_loop),
        remote(event_loop) {}

  asio::io_context& context;
  Managed managed;
  std::function<Instant()> clock;
  Peers peers;
  bool is_open = true;
  Places places{};
  size_t in_flight = 0;
  size_t leaving = 0;  // connections that were dismissed, and not closed yet

  std::optional<SocketFile> file;
  Local::acceptor local;
  std::unique_ptr<asio::ssl::context> tls;
  tcp::acceptor remote;
};

namespace {

// NOLINTBEGIN(cppcoreguidelines-avoid-reference-coroutine-parameters): each coroutine is awaited by
// the one that owns what it refers to; the outermost takes values.

// One connection, request after request.
template <typename State, typename Stream>
class Connection {
 public:
  Connection(State& state, Stream& stream, Visitor visitor)
      : state_(state), stream_(stream), visitor_(std::move(visitor)) {}

  asio::awaitable<void> serve() {
    bool goes_on = true;
    while (goes_on) goes_on = co_await exchange();
    co_await say_farewell();
  }

 private:
  void allow(std::chrono::seconds time) { beast::get_lowest_layer(stream_).expires_after(time); }

  // Whether another request may follow.
  asio::awaitable<bool> exchange() {
    HttpParser parser;
    set_bounds(parser, visitor_.role == Role::viewer);
    Reservation reservation(state_.in_flight);
    beast::error_code error;
    allow(kHeaderTime);
    co_await http::async_read_header(stream_, buffer_, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return co_await refuse(refusal_of(error));
    if (std::optional<Outgoing> refused = admit(parser, reservation)) {
      co_return co_await refuse(std::move(refused));
    }
    co_await read_body(parser, error);
    if (error) co_return co_await refuse(refusal_of(error));
    if (!state_.is_open) co_return false;

    const HttpRequest& request = parser.get();
    Outgoing outgoing = answer_to(request);
    if (!reservation.take(outgoing.body.size())) outgoing = busy();
    co_return co_await write(std::move(outgoing), request.version(), may_follow(request));
  }

  // Before its body is read: who it is, and whether there is room for it.
  std::optional<Outgoing> admit(const HttpParser& parser, Reservation& reservation) {
    const std::string_view token = bearer_token(parser.get());
    if (visitor_.uid == kNoUid && (visitor_.user.empty() || is_by_token_)) {
      if (std::optional<Outgoing> refused = identify(token)) return refused;
    }
    const bool is_chunked = parser.chunked();
    const size_t most = visitor_.role == Role::viewer ? kMaxApiSmallBody : kMaxApiBody;
    const uint64_t bytes = is_chunked ? most : parser.content_length().value_or(0);
    if (!reservation.take(bytes)) return busy();
    return std::nullopt;
  }

  std::optional<Outgoing> identify(std::string_view secret) {
    constexpr std::string_view kAdvice =
        "send `Authorization: Bearer TOKEN` with a token of the file that api.tokens names, or "
        "present a certificate of the CA that api.client_ca names";
    if (state_.managed.settings.tokens.empty() || secret.empty()) {
      return refusal(401, "no-credentials", "nobody here knows who you are", kAdvice);
    }
    const Result<std::vector<Token>> tokens = read_tokens(state_.managed.settings.tokens);
    if (!tokens.ok()) {
      state_.managed.tokens_trouble = tokens.message();
      return refusal(503, "no-tokens", "the box cannot read its tokens",
                     "see GET /v1/status on the box itself");
    }
    state_.managed.tokens_trouble.clear();
    visitor_.user = owner_of(secret, tokens.value());
    is_by_token_ = true;
    if (!visitor_.user.empty()) return std::nullopt;
    return refusal(401, "no-credentials", "this token is nobody's", kAdvice);
  }

  asio::awaitable<void> read_body(HttpParser& parser, beast::error_code& ret_error) {
    allow(kBodyTime);
    const bool must_be_asked = parser.get()[http::field::expect] == "100-continue" &&
                               !parser.is_done() && buffer_.size() == 0;
    if (must_be_asked) {
      co_await write_message(stream_, HttpResponse(http::status::continue_, 11), ret_error);
      if (ret_error) co_return;
    }
    co_await http::async_read(stream_, buffer_, parser,
                              asio::redirect_error(asio::use_awaitable, ret_error));
  }

  Outgoing answer_to(const HttpRequest& request) {
    const Instant instant = state_.clock();
    const Caller caller{.who = visitor_.identity(), .now = instant.now, .wall = instant.wall};
    return answer(state_.managed, caller, request);
  }

  asio::awaitable<bool> refuse(std::optional<Outgoing> outgoing) {
    if (!outgoing) co_return false;
    co_return co_await write(std::move(*outgoing), 11, false);
  }

  asio::awaitable<bool> write(Outgoing outgoing, unsigned version, bool may_go_on) {
    const HttpResponse response = response_of(std::move(outgoing), version, may_go_on);
    beast::error_code error;
    allow(kAnswerTime);
    co_await write_message(stream_, response, error);
    co_return !error && may_go_on;
  }

  // Whoever still sends would lose our last answer if the socket were closed under his hands.
  asio::awaitable<void> say_farewell() {
    beast::error_code error;
    allow(kFarewellTime);
    if constexpr (std::is_same_v<Stream, RemoteStream>) {
      co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
    }
    auto& lowest = beast::get_lowest_layer(stream_);
    lowest.socket().shutdown(asio::socket_base::shutdown_send, error);
    buffer_.clear();
    size_t taken = 0;
    while (taken < kFarewellBytes) {
      const size_t count = co_await lowest.async_read_some(
          buffer_.prepare(kMaxApiHeader), asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      taken += count;
    }
  }

  State& state_;
  Stream& stream_;
  Visitor visitor_;
  bool is_by_token_ = false;
  beast::flat_buffer buffer_{kBufferBytes};
};

// NOLINTEND(cppcoreguidelines-avoid-reference-coroutine-parameters)

template <typename State>
asio::awaitable<void> serve_local(std::shared_ptr<State> state, Local::socket socket,
                                  Places::Place /*place*/, Identity who) {
  LocalStream stream(std::move(socket));
  Connection<State, LocalStream> connection(
      *state, stream, Visitor{.user = who.user, .uid = who.uid, .role = who.role});
  co_await connection.serve();
}

// One of the connections that were dismissed, until its end.
class Leaving {
 public:
  explicit Leaving(size_t& count) : count_(&count) { ++*count_; }
  Leaving(Leaving&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;
  Leaving& operator=(Leaving&&) = delete;
  ~Leaving() {
    if (count_ != nullptr) --*count_;
  }

 private:
  size_t* count_;  // null: moved from
};

// Until he has read why, or for kFarewellTime: closed under his hands, the socket would take the
// answer with it.
template <typename State>
asio::awaitable<void> see_off(std::shared_ptr<State> /*state*/, Local::socket socket,
                              Leaving /*leaving*/) {
  beast::error_code error;
  socket.shutdown(asio::socket_base::shutdown_send, error);
  LocalStream stream(std::move(socket));
  stream.expires_after(kFarewellTime);
  std::array<char, 1024> unread{};
  size_t taken = 0;
  while (!error && taken < kMaxApiHeader) {
    taken += co_await stream.async_read_some(asio::buffer(unread),
                                             asio::redirect_error(asio::use_awaitable, error));
  }
}

template <typename State>
asio::awaitable<void> serve_remote(std::shared_ptr<State> state, tcp::socket socket,
                                   Places::Place /*place*/) {
  RemoteStream stream(beast::tcp_stream(std::move(socket)), *state->tls);
  beast::error_code error;
  beast::get_lowest_layer(stream).expires_after(kHandshakeTime);
  co_await stream.async_handshake(asio::ssl::stream_base::server,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return;
  Visitor visitor{.user = common_name_of_peer(stream.native_handle())};
  Connection<State, RemoteStream> connection(*state, stream, std::move(visitor));
  co_await connection.serve();
}

// Memory that cannot be had ends the connection that needs it and nothing else; take_in() goes on.
constexpr auto kEnd = [](const std::exception_ptr&) {};

template <typename State>
void dismiss(const std::shared_ptr<State>& state, Local::socket socket, Outgoing outgoing) {
  send_at_once(socket, std::move(outgoing));
  if (state->leaving == kMaxApiLeaving) return;
  asio::co_spawn(state->context, see_off(state, std::move(socket), Leaving(state->leaving)), kEnd);
}

template <typename State>
void admit(const std::shared_ptr<State>& state, Local::socket socket) {
  const Result<Identity> who = state->peers.identity_of(socket.native_handle(), state->clock().now);
  if (!who.ok()) {
    return dismiss(
        state, std::move(socket),
        refusal(403, "no-access", who.message(), "the box's administrator adds users to groups"));
  }
  std::optional<Places::Place> place = state->places.take(who.value());
  if (!place) return dismiss(state, std::move(socket), busy());
  asio::co_spawn(state->context,
                 serve_local(state, std::move(socket), std::move(*place), who.value()), kEnd);
}

template <typename State>
void admit(const std::shared_ptr<State>& state, tcp::socket socket) {
  beast::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;
  std::optional<Places::Place> place = state->places.take_remote(peer.address().to_string());
  if (!place) return;
  asio::co_spawn(state->context, serve_remote(state, std::move(socket), std::move(*place)), kEnd);
}

template <typename State, typename Acceptor>
asio::awaitable<void> take_in(std::shared_ptr<State> state, Acceptor& acceptor) {
  asio::steady_timer pause(state->context);
  while (state->is_open) {
    beast::error_code error;
    try {
      auto socket =
          co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!state->is_open) co_return;
      if (!error) admit(state, std::move(socket));
    } catch (const std::bad_alloc&) {
      error = asio::error::no_memory;
    }
    if (!error) continue;
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

Status listen_remote(tcp::acceptor& acceptor, const std::string& listen) {
  const std::optional<Endpoint> endpoint = parse_endpoint(listen);
  if (!endpoint) return Error{"api.listen is " + listen + ", which is no address with a port"};
  beast::error_code error;
  const tcp::endpoint at(asio::ip::make_address(to_string(endpoint->address), error),
                         endpoint->port);
  if (!error) acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  beast::error_code ignored;
  acceptor.close(ignored);
  return Error{"api.listen: nobody can listen on " + listen + " (" + error.message() +
               "): name an address of this box and a free port"};
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(asio::io_context& context, Managed managed,
                                              std::function<Instant()> clock) {
  auto state = std::make_shared<State>(context, std::move(managed), std::move(clock));
  const ApiSettings& settings = state->managed.settings;
  Result<SocketFile> file = SocketFile::listen(settings.socket);
  if (!file.ok()) return Error{file.message()};
  const int descriptor = fcntl(file.value().descriptor(), F_DUPFD_CLOEXEC, 0);
  state->file.emplace(std::move(file.value()));
  beast::error_code error;
  state->local.assign(Local(), descriptor, error);
  if (error) return Error{"the API's socket cannot be waited for: " + error.message()};
  asio::co_spawn(context, take_in(state, state->local), kEnd);

  if (!settings.listen.empty()) {
    Result<std::unique_ptr<asio::ssl::context>> tls = make_tls(settings);
    const Status status =
        tls.ok() ? listen_remote(state->remote, settings.listen) : Status(Error{tls.message()});
    if (status.ok()) {
      state->tls = std::move(tls.value());
      asio::co_spawn(context, take_in(state, state->remote), kEnd);
    } else {
      state->managed.remote_trouble = status.message();
    }
  }
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::~Server() {
  state_->is_open = false;
  beast::error_code error;
  state_->local.close(error);
  state_->remote.close(error);
  state_->file.reset();
}

std::vector<Alert> Server::troubles() const {
  std::vector<Alert> troubles;
  for (const std::string* trouble :
       {&state_->managed.remote_trouble, &state_->managed.tokens_trouble}) {
    if (trouble->empty()) continue;
    troubles.push_back({.kind = AlertKind::api_failed, .labels = {}, .text = *trouble});
  }
  return troubles;
}

uint16_t Server::remote_port() const {
  beast::error_code error;
  const tcp::endpoint at = state_->remote.local_endpoint(error);
  return error ? 0 : at.port();
}

}  // namespace evenkeel
