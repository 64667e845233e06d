#include "firmware/health/probe_maker.h"

#include <utility>

#include "firmware/base/check.h"
#include "firmware/health/agent_line.h"
#include "firmware/health/command_probe.h"
#include "firmware/health/datagram_probe.h"
#include "firmware/health/http2_dialogue.h"
#include "firmware/health/http_answer.h"
#include "firmware/health/stream_probe.h"

namespace evenkeel {
namespace {

// Null: the connection is all that is asked for.
std::unique_ptr<Dialogue> dialogue_of(const Probe::Question& question) {
  const CheckSettings& check = *question.check;
  switch (check.type) {
    case CheckType::http:
    case CheckType::https:
      return std::make_unique<HttpDialogue>(check, question.address, question.port);
    case CheckType::h2:
    case CheckType::grpc:
      return std::make_unique<Http2Dialogue>(check, question.address, question.port);
    case CheckType::agent:
      return std::make_unique<AgentDialogue>(check);
    default:
      return nullptr;
  }
}

}  // namespace

ProbeMaker::ProbeMaker(boost::asio::io_context& context, std::function<uint64_t()> random)
    : random_(std::move(random)), readiness_(context), children_(readiness_) {
  REQUIRE(random_);
}

Result<std::shared_ptr<Probe>> ProbeMaker::make(ProbeSocket socket, Probe::Question question,
                                                Probe::Done done) {
  switch (question.check->type) {
    case CheckType::udp:
    case CheckType::dns:
    case CheckType::icmp:
      return std::shared_ptr<Probe>(std::make_shared<DatagramProbe>(
          readiness_, std::move(socket), std::move(question), std::move(done), random_));
    case CheckType::command:
      return std::shared_ptr<Probe>(std::make_shared<CommandProbe>(
          readiness_, std::move(socket), std::move(question), std::move(done), children_));
    default:
      break;
  }
  std::shared_ptr<const TlsContext> tls;
  if (uses_tls(*question.check)) {
    Result<std::shared_ptr<const TlsContext>> found = tls_of(question.check);
    if (!found.ok()) return Error{found.message()};
    tls = std::move(found.value());
  }
  std::unique_ptr<Dialogue> dialogue = dialogue_of(question);
  return std::shared_ptr<Probe>(std::make_shared<StreamProbe>(readiness_, std::move(socket),
                                                              std::move(question), std::move(done),
                                                              std::move(tls), std::move(dialogue)));
}

Result<std::shared_ptr<const TlsContext>> ProbeMaker::tls_of(
    const std::shared_ptr<const CheckSettings>& check) {
  const auto known = tls_contexts_.find(check);
  if (known != tls_contexts_.end() && !known->second->is_outdated()) return known->second;
  std::erase_if(tls_contexts_, [](const auto& each) { return each.first.expired(); });
  Result<std::shared_ptr<const TlsContext>> made = TlsContext::make(*check);
  if (made.ok()) tls_contexts_[check] = made.value();
  return made;
}

}  // namespace evenkeel
