#include "firmware/health/probe.h"

#include <utility>

#include "firmware/base/check.h"
#include "firmware/health/probe_socket.h"
#include "firmware/settings/values.h"

namespace evenkeel {

Probe::Probe(Readiness& readiness, ProbeSocket socket, Question question, Done done)
    : readiness_(readiness),
      question_(std::move(question)),
      done_(std::move(done)),
      socket_(std::move(socket)) {
  REQUIRE(socket_.descriptor.is_open() && done_);
  REQUIRE(question_.check->type != CheckType::none);
}

void Probe::start() {
  const std::shared_ptr<Probe> self = shared_from_this();
  begin();
}

ProbeAnswer Probe::give_up() {
  std::string text = how_far() + " in " + duration_text(check().timeout);
  cancel();
  return {.kind = ProbeAnswer::Kind::bad, .text = std::move(text)};
}

void Probe::cancel() {
  done_ = nullptr;
  close();
  socket_ = ProbeSocket();
}

// Only a connection that was made and has served its purpose: of others nothing is to be kept.
void Probe::give_back() {
  const std::shared_ptr<ProbeSockets> home = socket_.home.lock();
  if (home == nullptr || !socket_.watch.is_open()) return;
  close();
  home->give_back(std::exchange(socket_, ProbeSocket()), question_.address.is_v4());
}

bool Probe::watch() {
  if (socket_.watch.is_open()) {
    socket_.watch.tell(this);
    return true;
  }
  Result<Readiness::Watch> watch = readiness_.watch(descriptor(), *this);
  if (watch.ok()) {
    socket_.watch = std::move(watch.value());
  } else {
    end_unasked(watch.message());
  }
  return watch.ok();
}

bool Probe::watch(Descriptor descriptor) {
  socket_ = ProbeSocket{.descriptor = std::move(descriptor), .watch = {}, .home = {}};
  return watch();
}

void Probe::on_ready(uint32_t events) {
  const std::shared_ptr<Probe> self = shared_from_this();
  go_on(events);
}

void Probe::end(const ProbeAnswer& answer) {
  const Done done = std::move(done_);
  if (answer.kind == ProbeAnswer::Kind::good) give_back();
  cancel();
  done(answer);
}

void Probe::end_by(int error) {
  end({.kind = is_own_fault(error) ? ProbeAnswer::Kind::not_asked : ProbeAnswer::Kind::bad,
       .text = reason_of(error)});
}

}  // namespace evenkeel
