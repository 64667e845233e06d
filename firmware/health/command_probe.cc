#include "firmware/health/command_probe.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

// By these a shell, and setpriv, say that there is no such program, or that it cannot be run.
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;

constexpr size_t kMostShown = 100;

}  // namespace

CommandProbe::CommandProbe(Readiness& readiness, ProbeSocket network_namespace, Question question,
                           Done done, Children& children)
    : Probe(readiness, std::move(network_namespace), std::move(question), std::move(done)),
      children_(children) {
  REQUIRE(check().type == CheckType::command && !check().command.empty());
}

void CommandProbe::begin() {
  const Children::Command command = {
      .arguments = check().command,
      .environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                      "LC_ALL=C.UTF-8", "EVENKEEL_BACKEND=" + question().backend,
                      "EVENKEEL_ADDRESS=" + to_string(question().address),
                      "EVENKEEL_PORT=" + std::to_string(question().port)},
      .user = check().user};
  Result<Children::Running> running =
      children_.run(command, own_descriptor(), [this](const Children::End& result) {
        child_ = 0;
        judge(result);
      });
  if (!running.ok()) return end_unasked(running.message());
  child_ = running.value().number;
  watch(std::move(running.value().output));
}

void CommandProbe::go_on(uint32_t /*events*/) { read(); }

void CommandProbe::close() {
  if (child_ != 0) children_.kill(std::exchange(child_, 0));
}

bool CommandProbe::read() {
  std::array<char, 4'096> piece;
  while (true) {
    const ssize_t count = ::read(descriptor(), piece.data(), piece.size());
    if (count <= 0) return true;
    output_.append(piece.data(), static_cast<size_t>(count));
    if (output_.size() <= kMaxCommandOutput) continue;
    end_bad("the command wrote more than " + std::to_string(kMaxCommandOutput) + " bytes");
    return false;
  }
}

// The probe is held by who asked until this has ended it.
void CommandProbe::judge(const Children::End& result) {
  const auto self = shared_from_this();
  if (!read()) return;
  const std::string line = first_line();
  const std::string behind = line.empty() ? "" : ": " + line;
  if (result.signal != 0) {
    return end_bad("the command ended by signal " + std::to_string(result.signal) + behind);
  }
  if (result.status == kCannotRun || result.status == kNotFound) {
    return end_unasked("the command cannot be run" + behind);
  }
  const std::string text = "exit status " + std::to_string(result.status) + behind;
  return result.status == 0 ? end_good(text) : end_bad(text);
}

std::string CommandProbe::first_line() const {
  std::string line = output_.substr(0, std::min(output_.find('\n'), kMostShown));
  std::ranges::replace_if(line, [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

}  // namespace evenkeel
