// Makes probes by their checks' types, of what all probes share: who is told when descriptors are
// ready, what TLS needs for each check, and the commands under way.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "firmware/base/event_loop.h"
#include "firmware/base/status.h"
#include "firmware/health/children.h"
#include "firmware/health/probe.h"
#include "firmware/health/readiness.h"
#include "firmware/health/tls_stream.h"

namespace evenkeel {

class ProbeMaker {
 public:
  // REQUIRES: the context outlives it, and it all probes.
  ProbeMaker(boost::asio::io_context& context, std::function<uint64_t()> random);

  // It fails for what the box itself lacks.
  // REQUIRES: a socket of ProbeSockets::take(), for the check's type and the address's family.
  Result<std::shared_ptr<Probe>> make(ProbeSocket socket, Probe::Question question,
                                      Probe::Done done);

 private:
  using TlsContexts = std::map<std::weak_ptr<const CheckSettings>,
                               std::shared_ptr<const TlsContext>, std::owner_less<>>;

  Result<std::shared_ptr<const TlsContext>> tls_of(
      const std::shared_ptr<const CheckSettings>& check);

  const std::function<uint64_t()> random_;
  Readiness readiness_;
  Children children_;
  TlsContexts tls_contexts_;
};

}  // namespace evenkeel
