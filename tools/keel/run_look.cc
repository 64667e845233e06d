// The commands that show the box at work, and explain one flow.
#include "tools/keel/client.h"
#include "tools/keel/fields.h"
#include "tools/keel/run.h"
#include "tools/keel/session.h"
#include "tools/keel/show.h"
#include "tools/keel/units.h"
#include "tools/keel/why.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

Exit no_number(Session& session, std::string_view option, const Given& given) {
  return session.complain(Exit::usage, std::string(option) + " needs a number from 1, not '" +
                                           given.value(option) + "'");
}

// The pending change, and what was before it.
Exit show_changes(Session& session) {
  const Reply status = session.get("/v1/status");
  if (!status.is_good()) return status.exit;
  const Reply history = session.get("/v1/history?limit=10");
  if (session.json() || !history.is_good()) return session.show(history, render_history);
  if (has(status.body, "change")) {
    session.print(render_change(field(status.body, "change"), session.style()) + "\n");
  }
  return session.show(history, render_history);
}

Exit show_settings(Session& session, const std::string& generation) {
  const bool is_known = generation.empty() || generation == "candidate" || parse_id(generation);
  if (!is_known) {
    return session.complain(Exit::usage,
                            "a generation's number or the word candidate is needed, "
                            "not '" +
                                generation + "'; keel history lists them");
  }
  const std::string target =
      "/v1/settings" + (generation.empty() ? "" : "?generation=" + generation);
  return session.show(session.get(target), [](const auto& answer, const Style& style) {
    const std::string text = raw_text_of(answer, "text");
    // A file has what was written; a terminal obeys nothing that somebody wrote.
    return style.width == 0 ? text : printable_lines(text);
  });
}

}  // namespace

Exit run_status(Session& session, const Given&) {
  return session.show(session.get("/v1/status"), render_status);
}

Exit run_show(Session& session, const Given& given) {
  const std::string what = given.argument(0);
  const std::string service = given.argument(1);
  if (what == "settings") return show_settings(session, service);
  if (!service.empty() && what != "backends" && what != "health") {
    return session.complain(
        Exit::usage, "only show backends and health take a service, and settings a generation; " +
                         what + " has no use for '" + service + "'");
  }
  if (what == "changes") return show_changes(session);
  const std::string columns = session.json() ? "" : columns_of_view(what);
  std::string target = "/v1/" + what;
  if (!columns.empty()) target = "/v1/table?of=" + what + "&columns=" + encoded(columns);
  if (!service.empty()) target += (columns.empty() ? "?" : "&") + ("service=" + encoded(service));
  return session.show_list(target, [&what](std::string_view answer, const Style& style) {
    return render_view(what, answer, style);
  });
}

Exit run_why(Session& session, const Given& given) {
  std::string target = "/v1/why?protocol=" + encoded(given.argument(0)) +
                       "&source=" + encoded(given.argument(1)) +
                       "&vip=" + encoded(given.argument(2));
  if (given.has("--generation")) {
    const std::optional<uint64_t> number = parse_id(given.value("--generation"));
    if (!number) return no_number(session, "--generation", given);
    target += "&generation=" + std::to_string(*number);
  }
  return session.show(session.get(target), render_why);
}

Exit run_journal(Session& session, const Given& given) {
  const std::optional<uint64_t> limit =
      parse_id(given.has("--limit") ? given.value("--limit") : "50");
  if (!limit) return no_number(session, "--limit", given);
  std::string target = "/v1/journal?limit=" + std::to_string(*limit);
  if (given.has("--kind")) target += "&kind=" + encoded(given.value("--kind"));
  return session.show(session.get(target), render_journal);
}

Exit run_overrides(Session& session, const Given&) {
  return session.show_list("/v1/overrides", [](std::string_view answer, const Style& style) {
    return render_view("overrides", answer, style);
  });
}

}  // namespace evenkeel::keel
