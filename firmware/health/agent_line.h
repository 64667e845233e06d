// HAProxy's agent-check protocol: a line of words by which an agent says how its server is.
//
// "up 75% # all is well": up, down, fail, failed or stopped; ready, drain or maint; a weight in
// percent; maxconn:N; and, which HAProxy skips as it does all words that it does not know, load:N
// in percent. Words are parted by blanks or commas; behind # is why.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "firmware/health/dialogue.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// None: there is no word in it that is known.
std::optional<AgentReport> parse_agent_line(std::string_view line);

class AgentDialogue final : public Dialogue {
 public:
  // REQUIRES: a check of type agent.
  explicit AgentDialogue(const CheckSettings& check);

  std::string to_send() override;
  std::optional<ProbeAnswer> take(std::string_view bytes) override;
  // An agent need not end its line if it closes.
  ProbeAnswer end() override;
  std::string how_far() const override;

 private:
  std::string question_;
  std::string line_;
};

}  // namespace evenkeel
