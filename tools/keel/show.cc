#include "tools/keel/show.h"

#include <algorithm>

#include "tools/keel/fields.h"
#include "tools/keel/plan.h"
#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

Colour colour_of_state(std::string_view state) {
  if (state == "on-probation" || state == "awaiting-approval") return Colour::yellow;
  if (state == "going-back") return Colour::red;
  return Colour::cyan;
}

std::string waivers_text(const boost::json::value& of) {
  std::string text;
  for (const boost::json::value& waiver : list_of(of, "waivers")) {
    text += (text.empty() ? "" : ", ") + text_of(waiver, "rule") + " (" +
            text_of(waiver, "reason") + ")";
  }
  return text;
}

// The archive's note has a line for each step that a generation took, "TIME WHO: WHAT": the last
// one says what came of it, and who did that.
std::string outcome_of(const boost::json::value& generation) {
  const std::string note = raw_text_of(generation, "outcome");
  std::string_view last = note;
  while (last.ends_with('\n')) last.remove_suffix(1);
  last.remove_prefix(last.rfind('\n') + 1);  // npos + 1: it is the only one
  const size_t end = last.find_first_not_of("0123456789-:.T");
  const bool is_timed = end != std::string_view::npos && last.substr(end).starts_with("Z ");
  return printable(is_timed ? last.substr(end + 2) : last);
}

std::string render_rollout(const boost::json::value& rollout, const Style& style) {
  std::string text = "  rolls out: " + text_of(rollout, "share") +
                     " % of the flows follow it; it can be confirmed when all do\n";
  for (const boost::json::value& trial : list_of(rollout, "services")) {
    const std::string verdict = text_of(trial, "verdict");
    const Colour colour = verdict == "worse"  ? Colour::red
                          : verdict == "fine" ? Colour::green
                                              : Colour::yellow;
    text += "    " + text_of(trial, "service") + ": " + painted(style, colour, verdict) + ": " +
            text_of(trial, "evidence") + "\n";
  }
  return text;
}

}  // namespace

const boost::json::value& change_in(const boost::json::value& answer) {
  return has(answer, "change") ? field(answer, "change") : answer;
}

std::string owner_of(const boost::json::value& change) {
  return has(change, "owner/user") ? text_of(change, "owner/user") : text_of(change, "owner");
}

std::string render_change(const boost::json::value& change, const Style& style) {
  if (!has(change, "id")) return "No change is pending.\n";
  const std::string state = text_of(change, "state");
  std::string text = painted(style, Colour::bold, "Change " + text_of(change, "id")) + " by " +
                     owner_of(change) + ", from generation " + text_of(change, "base") + ": " +
                     painted(style, colour_of_state(state), state);
  if (has(change, "deadline_s")) {
    text += ", " + countdown(count_of(change, "deadline_s")) + " left";
  }
  text += "\n";
  if (!text_of(change, "why").empty()) text += "  why: " + text_of(change, "why") + "\n";
  const std::string waivers = waivers_text(change);
  if (!waivers.empty()) text += "  waived: " + waivers + "\n";
  return text;
}

std::string render_status(const boost::json::value& status, const Style& style) {
  std::string text = painted(style, Colour::bold, text_of(status, "name")) + "   keeld " +
                     text_of(status, "version") + ", up " + how_long(count_of(status, "uptime_s")) +
                     "\n";
  const std::string confirmed = text_of(status, "confirmed");
  const std::string in_force = text_of(status, "in_force");
  text += "In force: generation " + in_force;
  text += confirmed == in_force ? ", confirmed\n" : "; confirmed is " + confirmed + "\n";
  if (has(status, "change")) {
    const boost::json::value& change = field(status, "change");
    text += render_change(change, style);
    if (has(status, "rollout")) {
      text += render_rollout(field(status, "rollout"), style);
    } else if (has(change, "deadline_s")) {
      text += next_step(style, "keel confirm " + text_of(change, "id"));
    }
  } else {
    text += "No change is pending.\n";
  }
  if (const uint64_t overrides = count_of(status, "overrides"); overrides > 0) {
    text += painted(style, Colour::yellow, std::to_string(overrides) + " set aside at run time") +
            "; keel overrides lists them\n";
  }
  if (has(status, "you/user")) {
    text += "You are " + text_of(status, "you/user") + ", " + text_of(status, "you/role") + ".\n";
  }
  const std::vector<std::string> troubles = texts_of(status, "troubles");
  if (troubles.empty()) {
    return text + painted(style, Colour::green, std::string(good_mark(style)) + " no troubles") +
           "\n";
  }
  for (const std::string& trouble : troubles) {
    text += painted(style, Colour::red, std::string(bad_mark(style)) + " " + trouble) + "\n";
  }
  return text;
}

std::string render_history(const boost::json::value& answer, const Style& style) {
  Table table({{""},
               {"generation", true},
               {"when (UTC)"},
               {"who"},
               {"why", false, Narrow::wraps},
               {"outcome", false, Narrow::wraps}});
  for (const boost::json::value& row : list_of(answer, "history")) {
    const bool is_confirmed = flag_of(row, "confirmed");
    const std::string waivers = waivers_text(row);
    std::string why = text_of(row, "why");
    if (!waivers.empty()) why += (why.empty() ? "" : "; ") + ("waived: " + waivers);
    table.add({{is_confirmed ? "*" : "", Colour::green},
               {text_of(row, "generation"), is_confirmed ? Colour::bold : Colour::plain},
               {time_of(row, "when"), Colour::dim},
               {text_of(row, "who")},
               {why},
               {outcome_of(row)}});
  }
  if (table.is_empty()) return "There is no generation yet.\n";
  return table.text(style);
}

std::string render_journal(const boost::json::value& answer, const Style& style) {
  Table table({{"when (UTC)"}, {"kind"}, {"who"}, {"what", false, Narrow::wraps}});
  const boost::json::array& events = list_of(answer, "events");
  for (size_t i = events.size(); i-- > 0;) {
    const boost::json::value& event = events[i];
    table.add({{time_of(event, "when"), Colour::dim},
               {text_of(event, "kind"), Colour::cyan},
               {text_of(event, "who")},
               {text_of(event, "what")}});
  }
  std::string text = table.is_empty() ? "The journal has nothing of it.\n" : table.text(style);
  if (!text_of(answer, "alarm").empty()) {
    text += painted(style, Colour::red, text_of(answer, "alarm")) + "\n";
  }
  return text;
}

}  // namespace evenkeel::keel
