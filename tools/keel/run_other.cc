// The commands about keel itself, and captures.
#include <boost/json/object.hpp>
#include <chrono>

#include "tools/keel/child.h"
#include "tools/keel/complete.h"
#include "tools/keel/fields.h"
#include "tools/keel/help.h"
#include "tools/keel/line.h"
#include "tools/keel/plan.h"
#include "tools/keel/run.h"
#include "tools/keel/session.h"
#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

struct Bounds {
  uint64_t seconds = 10;
  uint64_t packets = 100'000;
  uint64_t bytes = 256;
};

Result<Bounds> bounds_of(const Given& given) {
  Bounds bounds;
  if (given.has("--for")) {
    const Result<uint64_t> seconds = parse_seconds(given.value("--for"));
    if (!seconds.ok()) return Error{"--for: " + seconds.message()};
    bounds.seconds = seconds.value();
  }
  constexpr uint64_t kMostBytes = 65'535;
  constexpr uint64_t kMostPackets = 100'000'000;
  const auto number = [&given](std::string_view option, uint64_t most, uint64_t& into) {
    if (!given.has(option)) return true;
    const std::optional<uint64_t> value = parse_id(given.value(option));
    if (value && *value <= most) into = *value;
    return value && *value <= most;
  };
  if (!number("--packets", kMostPackets, bounds.packets)) {
    return Error{"--packets needs a number from 1 to 100000000"};
  }
  if (!number("--bytes", kMostBytes, bounds.bytes)) {
    return Error{"--bytes needs a number from 1 to 65535"};
  }
  return bounds;
}

// A port as DPDK numbers it, by its name or number; the first if none is asked for.
std::optional<size_t> number_of_port(const boost::json::value& answer, const std::string& asked) {
  const boost::json::array& ports = list_of(answer, "ports");
  for (size_t i = 0; i < ports.size(); ++i) {
    const bool is_meant =
        asked.empty() || asked == std::to_string(i) || asked == raw_text_of(ports[i], "name");
    if (is_meant) return i;
  }
  return std::nullopt;
}

std::string name_of_file(const std::string& port) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  std::string time = utc(static_cast<uint64_t>(seconds));
  for (char& c : time) {
    if (c == ' ' || c == ':') c = '-';
  }
  return "keel-" + port + "-" + time + ".pcapng";
}

std::string captured(const boost::json::value& answer, const Style& style) {
  return "Captured into " + text_of(answer, "file") + "\n" +
         next_step(style, "tcpdump -nr " + text_of(answer, "file"));
}

}  // namespace

Exit run_capture(Session& session, const Given& given) {
  const Result<Bounds> bounds = bounds_of(given);
  if (!bounds.ok()) return session.complain(Exit::usage, bounds.message());
  const Reply status = session.get("/v1/status");
  if (!status.is_good()) return status.exit;
  const Reply ports = session.get("/v1/ports");
  if (!ports.is_good()) return ports.exit;
  const std::optional<size_t> port = number_of_port(ports.body, given.argument(0));
  if (!port) {
    return session.complain(
        Exit::usage, "there is no port '" + given.argument(0) + "'; keel show ports lists them");
  }
  const std::string name = text_of(list_of(ports.body, "ports")[*port], "name");
  const std::string file = given.has("--to") ? given.value("--to") : name_of_file(name);
  std::vector<std::string> words = {
      "dpdk-dumpcap", "--file-prefix=" + raw_text_of(status.body, "eal_prefix"),
      "-i",           std::to_string(*port),
      "-w",           file,
      "-s",           std::to_string(bounds.value().bytes),
      "-c",           std::to_string(bounds.value().packets),
      "-a",           "duration:" + std::to_string(bounds.value().seconds)};
  if (given.has("--filter")) words.insert(words.end(), {"-f", given.value("--filter")});
  const Result<int> ended = run_child(words, Says::on_stderr);
  if (!ended.ok()) return session.complain(Exit::local, ended.message());
  if (ended.value() != 0) {
    return session.complain(Exit::local,
                            "dpdk-dumpcap ended with " + std::to_string(ended.value()) +
                                "; it needs root, and memory.hugepages = true in the settings");
  }
  boost::json::object answer;
  answer["file"] = file;
  answer["port"] = name;
  return session.show({.exit = Exit::done, .body = std::move(answer)}, captured);
}

Exit run_version(Session& session, const Given&) {
  const boost::json::value status = session.quietly_get("/v1/status");
  const std::string box = has(status, "version") ? text_of(status, "version") : "";
  boost::json::object answer;
  answer["keel"] = VERSION;
  answer["keeld"] = box.empty() ? boost::json::value(nullptr) : field(status, "version");
  return session.show({.exit = Exit::done, .body = std::move(answer)},
                      [&](const boost::json::value&, const Style&) {
                        return "keel " VERSION "\nkeeld " +
                               (box.empty() ? "does not answer on " + session.socket_path() : box) +
                               "\n";
                      });
}

Exit run_completion(Session& session, const Given& given) {
  if (given.argument(0) == "bash") {
    session.print(bash_completion());
    return Exit::done;
  }
  std::vector<std::string> words(given.arguments.begin() + 1, given.arguments.end());
  const std::string partial = words.empty() ? "" : words.back();
  if (!words.empty()) words.pop_back();
  const Completion found = complete(words, partial, false, [&session](std::string_view target) {
    return session.quietly_get(target);
  });
  for (const Candidate& candidate : found.candidates) session.print(candidate.word + "\n");
  return Exit::done;
}

Exit run_help(Session& session, const Given& given) {
  if (given.arguments.empty()) {
    session.print(help_text(session.style(), session.is_interactive()));
    return Exit::done;
  }
  const Command* command = find_command(given.argument(0));
  if (command == nullptr) {
    return session.complain(Exit::usage,
                            "there is no command '" + given.argument(0) + "'; see keel help");
  }
  session.print(help_text(*command, session.style()));
  return Exit::done;
}

Exit run_exit(Session& session, const Given&) {
  session.end();
  return Exit::done;
}

}  // namespace evenkeel::keel
