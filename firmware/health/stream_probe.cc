#include "firmware/health/stream_probe.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/health/probe_socket.h"

namespace evenkeel {
namespace {

using Outcome = TlsStream::Outcome;

// How many bytes of an answer are read at once.
constexpr size_t kPiece = 4'096;

// Of a call on the bare socket.
Outcome outcome_of(ssize_t result) {
  if (result > 0) {
    return {.kind = Outcome::Kind::done, .count = static_cast<size_t>(result), .reason = {}};
  }
  if (result == 0) return {.kind = Outcome::Kind::closed, .count = 0, .reason = {}};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {.kind = Outcome::Kind::failed, .count = 0, .reason = reason_of(errno)};
}

}  // namespace

StreamProbe::StreamProbe(Readiness& readiness, ProbeSocket socket, Question question, Done done,
                         std::shared_ptr<const TlsContext> tls, std::unique_ptr<Dialogue> dialogue)
    : Probe(readiness, std::move(socket), std::move(question), std::move(done)),
      tls_(std::move(tls)),
      dialogue_(std::move(dialogue)) {}

void StreamProbe::begin() {
  const SocketAddress to = socket_address(question().address, question().port);
  const int result = ::connect(descriptor(), to.get(), to.length);
  if (result != 0 && errno != EINPROGRESS) return end_by(errno);
  watch();
}

void StreamProbe::go_on(uint32_t events) {
  switch (stage_) {
    case Stage::connecting:
      if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t length = sizeof(error);
        CHECK(::getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error, &length) == 0);
        if (error != 0) return end_by(error);
      }
      if ((events & EPOLLOUT) != 0) on_connected(events);
      return;
    case Stage::greeting:
      return greet();
    case Stage::talking:
      return talk(events);
  }
}

void StreamProbe::on_connected(uint32_t events) {
  if (tls_ != nullptr) {
    stream_ = std::make_unique<TlsStream>(tls_, descriptor(), check(), question().address);
    stage_ = Stage::greeting;
    return greet();
  }
  if (dialogue_ == nullptr) return end_good("connected");
  stage_ = Stage::talking;
  talk(events);
}

void StreamProbe::greet() {
  Outcome outcome = stream_->handshake();
  if (outcome.kind == Outcome::Kind::blocked) return;
  if (outcome.kind == Outcome::Kind::closed) return end_bad("closed within the TLS handshake");
  if (outcome.kind == Outcome::Kind::failed) return end_bad(std::move(outcome.reason));
  if (dialogue_ == nullptr) return end_good(stream_->version());
  const bool needs_http2 = check().type == CheckType::h2 || check().type == CheckType::grpc;
  if (needs_http2 && stream_->protocol() != "h2") return end_bad("TLS, but no HTTP/2 (ALPN)");
  stage_ = Stage::talking;
  talk(EPOLLIN);  // what has come with the handshake's end is in the stream already
}

// What is ready is told once only, so all is done that can be.
void StreamProbe::talk(uint32_t events) {
  const bool may_receive = stream_ != nullptr || (events & ~uint32_t{EPOLLOUT}) != 0;
  Step received = Step::done;
  while (received == Step::done) {
    if (send() == Step::over) return;
    received = may_receive ? receive() : Step::blocked;
  }
}

StreamProbe::Step StreamProbe::send() {
  while (true) {
    if (sent_ == output_.size()) {
      output_ = dialogue_->to_send();
      sent_ = 0;
      if (output_.empty()) return Step::done;
    }
    Outcome outcome = write(std::string_view(output_).substr(sent_));
    if (outcome.kind == Outcome::Kind::blocked) return Step::blocked;
    if (outcome.kind != Outcome::Kind::done) {
      end_bad(outcome.reason.empty() ? "closed without an answer" : std::move(outcome.reason));
      return Step::over;
    }
    sent_ += outcome.count;
  }
}

StreamProbe::Step StreamProbe::receive() {
  std::array<char, kPiece> piece;
  Outcome outcome = read(piece);
  std::optional<ProbeAnswer> answer;
  switch (outcome.kind) {
    case Outcome::Kind::blocked:
      return Step::blocked;
    case Outcome::Kind::failed:
      end_bad(std::move(outcome.reason));
      return Step::over;
    case Outcome::Kind::closed:
      answer = dialogue_->end();
      break;
    case Outcome::Kind::done:
      answer = dialogue_->take({piece.data(), outcome.count});
      break;
  }
  if (!answer) return Step::done;
  end(*answer);
  return Step::over;
}

TlsStream::Outcome StreamProbe::read(std::span<char> bytes) {
  if (stream_ != nullptr) return stream_->read(bytes);
  return outcome_of(::recv(descriptor(), bytes.data(), bytes.size(), 0));
}

TlsStream::Outcome StreamProbe::write(std::string_view bytes) {
  if (stream_ != nullptr) return stream_->write(bytes);
  return outcome_of(::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

std::string StreamProbe::how_far() const {
  switch (stage_) {
    case Stage::connecting:
      return "no answer";
    case Stage::greeting:
      return "connected, but no TLS handshake";
    case Stage::talking:
      return dialogue_->how_far();
  }
  return {};
}

}  // namespace evenkeel
