// The commands of a change: candidate, check, commit, confirm, and back.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "tools/keel/fields.h"
#include "tools/keel/plan.h"
#include "tools/keel/run.h"
#include "tools/keel/session.h"
#include "tools/keel/show.h"
#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr std::string_view kChange = "/v1/change";

std::string after_edit(const boost::json::value& answer, const Style& style) {
  return render_change(change_in(answer), style) + next_step(style, "keel plan");
}

Exit edit_candidate(Session& session, boost::json::object edit) {
  boost::json::array edits;
  edits.emplace_back(std::move(edit));
  boost::json::object body;
  body["edits"] = std::move(edits);
  return session.show(session.post("/v1/change/edit", body), after_edit);
}

std::string after_check(const boost::json::value& answer, const boost::json::value& change,
                        const Style& style) {
  std::string text;
  for (const boost::json::value& mistake : list_of(answer, "mistakes")) {
    text += render_mistake(mistake, style);
  }
  if (!text_of(answer, "no_plan").empty()) {
    text += "  " +
            painted(style, Colour::red,
                    std::string(bad_mark(style)) + " " + text_of(answer, "no_plan")) +
            "\n";
  }
  for (const std::string& key : texts_of(answer, "needs_restart")) {
    text += "  " + painted(style, Colour::red, std::string(bad_mark(style)) + " " + key) +
            ": a running keeld cannot change it\n";
  }
  for (const boost::json::value& hit : list_of(answer, "hits")) {
    text += render_hit(hit, change, style);
  }
  if (text.empty()) {
    text =
        painted(style, Colour::green, std::string(good_mark(style)) + " no mistakes, no rules hit");
    text += "\n" + next_step(style, "keel plan");
  }
  return text;
}

bool is_refused(const boost::json::value& check, const boost::json::value& change) {
  const boost::json::array& hits = list_of(check, "hits");
  return !flag_of(check, "ok") || std::ranges::any_of(hits, [&](const boost::json::value& hit) {
    return text_of(hit, "severity") == "refuse" && !is_waived(change, text_of(hit, "rule"));
  });
}

// What a live change still needs, or what it is now.
std::string after_step(const boost::json::value& answer, const Style& style) {
  const boost::json::value& change = change_in(answer);
  std::string text = render_change(change, style);
  const std::string id = text_of(change, "id");
  const std::string state = text_of(change, "state");
  if (has(change, "deadline_s")) {
    text +=
        "It goes back by itself in " + countdown(count_of(change, "deadline_s")) + ", unless:\n";
    text += next_step(style, "keel confirm " + id, "once all flows follow it: see keel status");
  } else if (state.find("approval") != std::string::npos) {
    text += "It waits for somebody else's approval:\n" + next_step(style, "keel approve " + id);
  }
  return text;
}

Exit step(Session& session, const std::string& what, const std::string& id,
          boost::json::object body) {
  const std::optional<uint64_t> number = parse_id(id);
  if (!number) {
    return session.complain(Exit::usage, "'" + id + "' is no change's id; keel status says it");
  }
  body["id"] = *number;
  return session.show(session.post(std::string(kChange) + "/" + what, body), after_step);
}

// Asks for something with a generation, by its number.
Exit with_generation(Session& session, std::string_view target, const std::string& text,
                     const Given& given, const Session::Render& render) {
  const std::optional<uint64_t> number = parse_id(text);
  if (!number) {
    return session.complain(Exit::usage, "a generation's number is needed, not '" + text +
                                             "'; keel history lists them");
  }
  if (given.value("--why").empty()) {
    return session.complain(Exit::usage, "--why TEXT is needed; it stays in the journal");
  }
  boost::json::object body;
  body["generation"] = *number;
  body["why"] = given.value("--why");
  return session.show(session.post(target, body), render);
}

Result<boost::json::array> waivers(const Given& given) {
  const std::vector<std::string> rules = given.values("--waive");
  const std::vector<std::string> reasons = given.values("--reason");
  if (rules.size() != reasons.size()) {
    return Error{"every --waive RULE needs a --reason TEXT of its own: there are " +
                 std::to_string(rules.size()) + " rules and " + std::to_string(reasons.size()) +
                 " reasons"};
  }
  boost::json::array list;
  for (size_t i = 0; i < rules.size(); ++i) {
    boost::json::object waiver;
    waiver["rule"] = rules[i];
    waiver["reason"] = reasons[i];
    list.emplace_back(std::move(waiver));
  }
  return list;
}

}  // namespace

Exit run_set(Session& session, const Given& given) {
  boost::json::object edit;
  edit["set"] = given.argument(0);
  edit["value"] = given.argument(1);
  return edit_candidate(session, std::move(edit));
}

Exit run_delete(Session& session, const Given& given) {
  boost::json::object edit;
  edit["delete"] = given.argument(0);
  return edit_candidate(session, std::move(edit));
}

Exit run_check(Session& session, const Given&) {
  const Reply reply = session.post(std::string(kChange) + "/check", boost::json::object{});
  if (!reply.is_good()) return reply.exit;
  const boost::json::value answer = session.quietly_get(kChange);
  const boost::json::value& change = change_in(answer);
  session.show(reply, [&change](const boost::json::value& check, const Style& style) {
    return after_check(check, change, style);
  });
  return is_refused(reply.body, change) ? Exit::refused : Exit::done;
}

Exit run_diff(Session& session, const Given&) {
  return session.show(
      session.get("/v1/change/diff"), [](const boost::json::value& answer, const Style& style) {
        const std::string text = raw_text_of(answer, "text");
        return text.empty() ? "The candidate is what is confirmed.\n" : render_diff(text, style);
      });
}

Exit run_plan(Session& session, const Given&) {
  const Reply plan = session.get("/v1/change/plan");
  if (!plan.is_good()) return plan.exit;
  const boost::json::value change = session.json() ? nullptr : session.quietly_get(kChange);
  return session.show(plan, [&change](const boost::json::value& impact, const Style& style) {
    return render_plan(impact, change_in(change), style);
  });
}

Exit run_commit(Session& session, const Given& given) {
  boost::json::object body;
  if (given.has("--confirm")) {
    const Result<uint64_t> seconds = parse_seconds(given.value("--confirm"));
    if (!seconds.ok()) return session.complain(Exit::usage, "--confirm: " + seconds.message());
    body["confirm_s"] = seconds.value();
  }
  Result<boost::json::array> list = waivers(given);
  if (!list.ok()) return session.complain(Exit::usage, list.message());
  if (given.value("--why").empty()) {
    // A candidate that rollback has made knows why.
    const boost::json::value answer = session.quietly_get(kChange);
    if (has(change_in(answer), "id") && text_of(change_in(answer), "why").empty()) {
      return session.complain(Exit::usage,
                              "--why TEXT is needed: what is it for? It stays with the generation");
    }
  }
  body["why"] = given.value("--why");
  body["waivers"] = std::move(list.value());
  return session.show(session.post(std::string(kChange) + "/commit", body), after_step);
}

Exit run_approve(Session& session, const Given& given) {
  return step(session, "approve", given.argument(0), {});
}

Exit run_confirm(Session& session, const Given& given) {
  return step(session, "confirm", given.argument(0), {});
}

Exit run_rollback(Session& session, const Given& given) {
  if (given.argument(0) == "generation") {
    return with_generation(session, "/v1/rollback", given.argument(1), given, after_edit);
  }
  std::string id = given.argument(0);
  if (id.empty()) {
    const Reply status = session.get("/v1/status");
    if (!status.is_good()) return status.exit;
    id = text_of(status.body, "change/id");
    if (id.empty()) {
      return session.complain(Exit::refused,
                              "there is no change to go back from; for an older generation say "
                              "keel rollback generation N, which keel history lists");
    }
  }
  boost::json::object body;
  body["why"] = given.value("--why");
  return step(session, "rollback", id, std::move(body));
}

Exit run_unlatch(Session& session, const Given& given) {
  return with_generation(
      session, "/v1/unlatch", given.argument(0), given,
      [&given](const boost::json::value&, const Style& style) {
        return "The text of that generation can be committed again:\n" +
               next_step(style, "keel rollback generation " + given.argument(0) + " --why '...'");
      });
}

Exit run_discard(Session& session, const Given&) {
  return session.show(session.remove(kChange), [](const boost::json::value&, const Style&) {
    return std::string("The candidate is gone; what is in force was not touched.\n");
  });
}

Exit run_history(Session& session, const Given& given) {
  const std::optional<uint64_t> limit =
      parse_id(given.has("--limit") ? given.value("--limit") : "20");
  if (!limit) {
    return session.complain(Exit::usage,
                            "--limit needs a number from 1, not '" + given.value("--limit") + "'");
  }
  return session.show(session.get("/v1/history?limit=" + std::to_string(*limit)), render_history);
}

}  // namespace evenkeel::keel
