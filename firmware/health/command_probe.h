// A probe that a command of the user's makes, by its exit status: 0 is good. It runs unprivileged
// (children.h), in the network that probes are made from, and is told which backend it is about.
#pragma once

#include <cstdint>
#include <string>

#include "firmware/health/children.h"
#include "firmware/health/probe.h"

namespace evenkeel {

class CommandProbe final : public Probe {
 public:
  // REQUIRES: a check of type command; the children outlive it.
  CommandProbe(Readiness& readiness, ProbeSocket network_namespace, Question question, Done done,
               Children& children);
  ~CommandProbe() override { CommandProbe::close(); }

 private:
  void begin() override;
  void go_on(uint32_t events) override;
  std::string how_far() const override { return "the command did not end"; }
  void close() override;

  // False: it writes too much, which ends it.
  bool read();
  void judge(const Children::End& result);
  std::string first_line() const;

  Children& children_;
  uint64_t child_ = 0;  // 0: none
  std::string output_;
};

}  // namespace evenkeel
