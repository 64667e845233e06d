// One question to one backend. What all kinds have in common: that they begin, end once, and can be
// ended before. The kernel's own network stack asks, from the box's own address.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "drivers/descriptor.h"
#include "firmware/base/address.h"
#include "firmware/health/probe_sockets.h"
#include "firmware/health/readiness.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// Invariants:
// 1. While there is a done_, the probe is under way: it ends by calling that, once, or by being
//    given up or cancelled.
// 2. A probe that is over holds no descriptor, and is told of none.
class Probe : public std::enable_shared_from_this<Probe>, private Readiness::Watcher {
 public:
  using Done = std::function<void(const ProbeAnswer&)>;

  struct Question {
    Address address;
    uint16_t port = 0;
    std::shared_ptr<const CheckSettings> check;
    // Its name, as "service/server".
    // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of a member without.
    std::string backend = {};
  };

  // REQUIRES: a socket of ProbeSockets::take(), for the check's type and the address's family;
  // owned by a shared_ptr; the readiness outlives it.
  Probe(Readiness& readiness, ProbeSocket socket, Question question, Done done);
  virtual ~Probe() = default;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Calls `done` once, perhaps from within, unless given up or cancelled before.
  void start();
  // Ends it: the answer of a backend that has not answered in time.
  ProbeAnswer give_up();
  // Ends it.
  void cancel();

 protected:
  virtual void begin() = 0;
  virtual void go_on(uint32_t events) = 0;
  // What has not come in time, or has: "no answer".
  virtual std::string how_far() const = 0;
  // Before its descriptor is closed, or another probe's.
  virtual void close() {}

  const Question& question() const { return question_; }
  const CheckSettings& check() const { return *question_.check; }
  int descriptor() const { return socket_.descriptor.get(); }
  const Descriptor& own_descriptor() const { return socket_.descriptor; }
  // False: it is over.
  bool watch();
  // Another descriptor takes the place of the one before.
  bool watch(Descriptor descriptor);

  // Each ends it: nothing of it may be used behind.
  void end(const ProbeAnswer& answer);
  void end_good(std::string text) {
    end({.kind = ProbeAnswer::Kind::good, .text = std::move(text)});
  }
  void end_bad(std::string text) { end({.kind = ProbeAnswer::Kind::bad, .text = std::move(text)}); }
  void end_unasked(std::string text) {
    end({.kind = ProbeAnswer::Kind::not_asked, .text = std::move(text)});
  }
  // Of errno.
  void end_by(int error);

 private:
  void on_ready(uint32_t events) final;
  void give_back();

  Readiness& readiness_;
  const Question question_;
  Done done_;  // none: it is over
  ProbeSocket socket_;
};

}  // namespace evenkeel
