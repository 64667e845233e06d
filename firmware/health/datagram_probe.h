// Probes of one datagram to a backend, and one back: of text (udp), a DNS query, an ICMP echo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/health/echo_message.h"
#include "firmware/health/probe.h"

namespace evenkeel {

class DatagramProbe final : public Probe {
 public:
  // Nobody who does not see the question can guess what is `random` in it.
  DatagramProbe(Readiness& readiness, ProbeSocket socket, Question question, Done done,
                const std::function<uint64_t()>& random);

 private:
  void begin() override;
  void go_on(uint32_t events) override;
  std::string how_far() const override;

  // None: it is not what is waited for.
  std::optional<ProbeAnswer> judge(std::string_view datagram) const;
  std::optional<ProbeAnswer> judge_text(std::string_view datagram) const;

  EchoToken token_{};
  std::string sent_;
  size_t strays_ = 0;  // datagrams that were no answer
};

}  // namespace evenkeel
