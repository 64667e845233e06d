#include "firmware/health/same_path.h"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <span>
#include <tuple>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/base/reason.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/values.h"
#include "firmware/settings/way.h"
#include "firmware/wire/emit.h"
#include "firmware/wire/parse.h"

namespace evenkeel {
namespace {

// Of a prefix the second address, since the first one may be the network's own.
Address host_of(const Prefix& vip) {
  Address host = vip.address;
  if (vip.length < 128) host.bytes.back() |= 1;
  return host;
}

// Where TCP is asked; 0: nowhere.
uint16_t port_of(const ServiceSettings& service) {
  const PortRange& ports = service.ports;
  const uint16_t asked = service.check.port;
  if (service.protocol != Protocol::tcp) return 0;
  if (ports.first == ports.last) return ports.first;
  return ports.first <= asked && asked <= ports.last ? asked : 0;
}

std::string bytes_text(size_t bytes) { return std::to_string(bytes) + " bytes"; }

}  // namespace

SamePaths same_paths_of(const ServiceSettings& service) {
  SamePaths paths;
  if (!service.check.same_path) return paths;
  for (const Prefix& vip : service.vips) {
    paths.targets.push_back({.vip = host_of(vip), .port = port_of(service)});
  }
  paths.way_v4 = way_of(service, {}, true);
  paths.way_v6 = way_of(service, {}, false);
  return paths;
}

// --- What all share ------------------------------------------------------------------------------

SamePath::SamePath(boost::asio::io_context& context, Parts parts)
    : parts_(std::move(parts)), readiness_(context), room_(kPathRoom) {}

Status SamePath::prepare() {
  if (!sockets_.empty()) return {};
  Result<std::vector<PacketSocket>> sockets = parts_.open();
  if (!sockets.ok()) return Error{sockets.message()};
  std::vector<Readiness::Watch> watches;
  for (const PacketSocket& socket : sockets.value()) {
    Result<Readiness::Watch> watch = readiness_.watch(socket.descriptor(), *this);
    if (!watch.ok()) return Error{watch.message()};
    watches.push_back(std::move(watch.value()));
  }
  sockets_ = std::move(sockets.value());
  watches_ = std::move(watches);
  return {};
}

// There are many more tokens than probes.
uint32_t SamePath::remember(PathProbe& probe) {
  static_assert(2 * kMaxProbes < kPathTokens);
  auto token = static_cast<uint32_t>(parts_.random() % kPathTokens);
  while (!asked_.emplace(token, &probe).second) token = (token + 1) % kPathTokens;
  return token;
}

Status SamePath::ask(const PathQuestion& question, size_t length, const Way& way) {
  return send(write_path_question(question, length, room_), way);
}

// If it is lost, the server forgets by itself, later.
void SamePath::reset(const PathQuestion& question, Big32 next, const Way& way) {
  std::ignore = send(write_path_reset(question, next, room_), way);
}

Status SamePath::send(Frame frame, const Way& way) {
  Parsed parsed;
  Reason reason = parse(frame, parsed);
  const auto entropy = static_cast<uint32_t>(parts_.random());
  if (reason == Reason::none) reason = emit(way.forwarding, frame, parsed, entropy);
  if (reason != Reason::none) {
    return Error{std::string("no packet can be made: ") + to_string(reason)};
  }
  REQUIRE(frame.port < sockets_.size());
  const int error = sockets_[frame.port].send({frame.data, frame.length});
  if (error == 0) return {};
  return Error{std::string("no packet can be sent: ") + std::strerror(error)};
}

void SamePath::on_ready(uint32_t /*events*/) {
  for (PacketSocket& socket : sockets_) hear(socket);
}

// To the end, for nobody tells again of what is left. There is one: workers let the kernel have so
// many packets a second and no more.
void SamePath::hear(PacketSocket& socket) {
  std::array<uint8_t, kPathAnswerBytes> bytes;
  while (const std::optional<size_t> length = socket.receive(bytes)) {
    const std::optional<PathAnswer> answer = read_path_answer(std::span(bytes).first(*length));
    if (!answer) continue;
    const auto asked = asked_.find(answer->token);
    if (asked != asked_.end()) asked->second->take(*answer);
  }
}

// --- One probe -----------------------------------------------------------------------------------

PathProbe::PathProbe(SamePath& path, Question question, Done done)
    : path_(path), question_(question), done_(std::move(done)) {
  REQUIRE(done_);
}

PathProbe::~PathProbe() { clear(); }

void PathProbe::start() {
  const std::shared_ptr<PathProbe> self = shared_from_this();
  const Status prepared = path_.prepare();
  if (!prepared.ok()) return end(ProbeAnswer::Kind::not_asked, prepared.message());
  const Result<SamePath::Way> way = path_.parts_.way(question_.way);
  if (!way.ok()) return end(ProbeAnswer::Kind::bad, who() + ": " + way.message());
  way_ = way.value();
  const size_t most = size_t{way_.forwarding.mtu} - way_.forwarding.overhead;
  Status asked = ask(most);
  if (asked.ok() && question_.asks_small) {
    asked = ask(least_path_question(question_.target.vip.is_v4()));
  }
  if (!asked.ok()) end(ProbeAnswer::Kind::not_asked, who() + ": " + asked.message());
}

Status PathProbe::ask(size_t length) {
  const PathQuestion question = {.source = way_.source,
                                 .vip = question_.target.vip,
                                 .port = question_.target.port,
                                 .token = path_.remember(*this)};
  asked_.push_back({.question = question, .length = length + way_.forwarding.overhead});
  return path_.ask(question, length, way_);
}

bool PathProbe::is_of_target(const PathAnswer& answer) const {
  const SamePaths::Target& target = question_.target;
  const bool is_echo = answer.kind == PathAnswer::Kind::echoed;
  return answer.from == target.vip && answer.port == target.port && is_echo == (target.port == 0);
}

void PathProbe::take(const PathAnswer& answer) {
  const std::shared_ptr<PathProbe> self = shared_from_this();
  const auto asked = std::ranges::find(asked_, answer.token,
                                       [](const Asked& each) { return each.question.token; });
  REQUIRE(asked != asked_.end());
  if (answer.kind == PathAnswer::Kind::error) {
    return end(ProbeAnswer::Kind::bad, who() + " cannot be reached: " + answer.text);
  }
  if (!is_of_target(answer) || asked->is_answered) return;
  asked->is_answered = true;
  if (answer.kind == PathAnswer::Kind::refused) {
    return end(ProbeAnswer::Kind::bad,
               who() + " refuses connections: the server has the VIP, and nobody listens");
  }
  if (answer.kind == PathAnswer::Kind::accepted) {
    path_.reset(asked->question, answer.acknowledged, way_);
  }
  if (asked != asked_.begin()) return;  // the large one is what matters
  end(ProbeAnswer::Kind::good, who() + " answers at " + bytes_text(asked->length));
}

ProbeAnswer PathProbe::give_up(Microseconds timeout) {
  std::string text;
  if (asked_.size() == 2 && asked_[1].is_answered) {
    text = who() + " answers small packets, none of " + bytes_text(asked_[0].length) +
           ": a link before it has a smaller MTU";
  } else {
    text = "no answer from " + who() + " at " + bytes_text(asked_[0].length) +
           (asked_.size() == 2 ? ", nor to small packets," : "") + " in " + duration_text(timeout);
  }
  done_ = nullptr;
  clear();
  return {.kind = ProbeAnswer::Kind::bad, .text = std::move(text)};
}

void PathProbe::end(ProbeAnswer::Kind kind, std::string text) {
  const Done done = std::exchange(done_, nullptr);
  clear();
  done({.kind = kind, .text = std::move(text)});
}

// No server is to wait for what its answer has not come for.
void PathProbe::clear() {
  for (const Asked& asked : asked_) {
    path_.forget(asked.question.token);
    if (asked.is_answered || asked.question.port == 0) continue;
    path_.reset(asked.question, acknowledged_alone(asked.question), way_);
  }
  asked_.clear();
}

std::string PathProbe::who() const {
  const SamePaths::Target& target = question_.target;
  const std::string vip = to_string(target.vip);
  const std::string port = target.port == 0 ? "" : ":" + std::to_string(target.port);
  const bool is_bracketed = !port.empty() && !target.vip.is_v4();
  return (is_bracketed ? "[" + vip + "]" : vip) + port + " through " +
         to_text(modes_of(question_.way.mode)) + " to " + to_string(question_.way.destination);
}

}  // namespace evenkeel
