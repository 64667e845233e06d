#include "tools/keel/plan.h"

#include <algorithm>

#include "tools/keel/fields.h"
#include "tools/keel/show.h"
#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr size_t kMostColumns = 100;

size_t columns_for_text(const Style& style) {
  return style.width == 0 ? kMostColumns : std::min(style.width, kMostColumns);
}

std::string indented(std::string_view text, size_t indent, const Style& style) {
  std::string result;
  const size_t columns = std::max<size_t>(columns_for_text(style), indent + 20);
  for (const std::string& line : wrapped(text, columns - indent)) {
    result += std::string(indent, ' ') + line + "\n";
  }
  return result;
}

std::string count_part(const Style& style, Colour colour, std::string_view mark,
                       const boost::json::value& impact, std::string_view name) {
  const uint64_t count = count_of(impact, "summary/" + std::string(name));
  const std::string text =
      std::string(mark) + " " + std::to_string(count) + " " + std::string(name);
  return painted(style, count > 0 ? colour : Colour::dim, text) + "   ";
}

std::vector<std::string> open_refusals(const boost::json::value& impact,
                                       const boost::json::value& change) {
  std::vector<std::string> rules = texts_of(impact, "refusals");
  std::erase_if(rules, [&](const std::string& rule) { return is_waived(change, rule); });
  return rules;
}

std::string hits_summary(const boost::json::value& impact, const boost::json::value& change,
                         const Style& style) {
  const auto hits = list_of(impact, "hits").size();
  const size_t refusals = open_refusals(impact, change).size();
  std::string text = painted(style, Colour::bold, "Rules") + "      ";
  if (hits == 0) {
    text += painted(style, Colour::green, std::string(good_mark(style)) + " none is hit");
  } else if (refusals == 0) {
    text += painted(style, Colour::yellow, "! " + std::to_string(hits) + " to know of");
  } else {
    text += painted(style, Colour::red,
                    std::string(bad_mark(style)) + " " + std::to_string(refusals) + " refuse it");
  }
  return text + "\n";
}

std::string summary(const boost::json::value& impact, const Style& style) {
  std::string text = painted(style, Colour::bold, "Services") + "   ";
  text += count_part(style, Colour::green, "+", impact, "added");
  text += count_part(style, Colour::yellow, "~", impact, "changed");
  text += count_part(style, Colour::red, "-", impact, "removed");
  return text +
         painted(style, Colour::dim,
                 std::to_string(count_of(impact, "summary/unchanged")) + " unchanged") +
         "\n";
}

std::string render_differences(const boost::json::value& impact, const Style& style) {
  const boost::json::array& list = list_of(impact, "differences");
  if (list.empty()) return "";
  Table table({{""},
               {"", false, Narrow::is_cut},
               {"", false, Narrow::is_cut},
               {""},
               {"", false, Narrow::is_cut}},
              2);
  for (const boost::json::value& row : list) {
    const std::string before = text_of(row, "before");
    const std::string after = text_of(row, "after");
    const Colour colour = before.empty()  ? Colour::green
                          : after.empty() ? Colour::red
                                          : Colour::yellow;
    const std::string mark = before.empty() ? "+" : after.empty() ? "-" : "~";
    const bool is_change = mark == "~";
    table.add({{mark, colour},
               {text_of(row, "path"), colour},
               {before.empty() ? after : before, is_change ? Colour::dim : Colour::plain},
               {is_change ? std::string(arrow(style)) : ""},
               {is_change ? after : ""}});
  }
  return "\n" + painted(style, Colour::bold, "Settings") + "\n" + table.text(style);
}

std::string render_rules(const boost::json::value& impact, const boost::json::value& change,
                         const Style& style) {
  std::string text = "\n" + painted(style, Colour::bold, "Rules") + "\n";
  for (const boost::json::value& hit : list_of(impact, "hits")) {
    text += render_hit(hit, change, style);
  }
  for (const boost::json::value& waiver : list_of(change, "waivers")) {
    text += indented(
        "waived: " + text_of(waiver, "rule") + ", because: " + text_of(waiver, "reason"), 4, style);
  }
  if (list_of(impact, "hits").empty()) {
    text +=
        "  " + painted(style, Colour::green, std::string(good_mark(style)) + " none is hit") + "\n";
  }
  return text;
}

std::string render_checklist(const boost::json::value& impact, const Style& style) {
  const std::vector<std::string> items = texts_of(impact, "checklist");
  if (items.empty()) return "";
  std::string text = "\n" + painted(style, Colour::bold, "Before you commit") + "\n";
  for (const std::string& item : items) {
    const std::string lines = indented(item, 6, style);
    text += std::string("  ") + (style.unicode ? "☐" : "-") + "   " + lines.substr(6);
  }
  return text;
}

std::string render_next(const boost::json::value& impact, const boost::json::value& change,
                        const Style& style) {
  const std::string id = text_of(change, "id");
  const std::string state = text_of(change, "state");
  if (state == "on-probation") {
    return next_step(style, "keel confirm " + id,
                     "keeps it; it is live, and goes back by itself in " +
                         countdown(count_of(change, "deadline_s"))) +
           next_step(style, "keel rollback " + id, "takes it back now");
  }
  if (state == "awaiting-approval") {
    return next_step(style, "keel approve " + id, "by somebody else, makes it live");
  }
  const std::vector<std::string> refusals = open_refusals(impact, change);
  if (refusals.empty()) {
    const bool needs_approval = flag_of(change, "needs_approval");
    return next_step(style, "keel commit --confirm 5m --why '...'",
                     needs_approval ? "asks for somebody else's approval"
                                    : "makes it live, on probation for five minutes");
  }
  std::string waive = "keel commit --why '...'";
  for (const std::string& rule : refusals) waive += " --waive " + rule + " --reason '...'";
  return next_step(style, "keel edit", "to mend what is refused") +
         next_step(style, waive, "if it has to be, for this change only");
}

}  // namespace

std::string render_plan(const boost::json::value& impact, const boost::json::value& change,
                        const Style& style) {
  std::string text;
  if (has(change, "id")) {
    text += painted(style, Colour::bold, "Change " + text_of(change, "id")) + " by " +
            owner_of(change) + ", from generation " + text_of(change, "base") + "\n";
    if (!text_of(change, "why").empty())
      text += indented("why: " + text_of(change, "why"), 2, style);
    text += "\n";
  }
  text += summary(impact, style) + hits_summary(impact, change, style);
  for (const boost::json::value& service : list_of(impact, "services")) {
    text += "\n" + render_service_impact(service, style);
  }
  text += render_differences(impact, style);
  text += render_rules(impact, change, style);
  text += render_checklist(impact, style);
  return text + "\n" + render_next(impact, change, style);
}

std::string render_mistake(const boost::json::value& mistake, const Style& style) {
  std::string where = text_of(mistake, "file");
  if (count_of(mistake, "line") > 0) where += ":" + text_of(mistake, "line");
  if (!text_of(mistake, "path").empty()) {
    where += (where.empty() ? "" : ": ") + text_of(mistake, "path");
  }
  return "  " + painted(style, Colour::red, std::string(bad_mark(style)) + " " + where) +
         (where.empty() ? "" : ": ") + text_of(mistake, "what") + "\n";
}

bool is_waived(const boost::json::value& change, std::string_view rule) {
  return std::ranges::any_of(list_of(change, "waivers"), [&](const boost::json::value& waiver) {
    return text_of(waiver, "rule") == rule;
  });
}

std::string render_hit(const boost::json::value& hit, const boost::json::value& change,
                       const Style& style) {
  const std::string rule = text_of(hit, "rule");
  const bool can_refuse = text_of(hit, "severity") == "refuse";
  const bool refuses = can_refuse && !is_waived(change, rule);
  const Colour colour = refuses ? Colour::red : Colour::yellow;
  std::string title = refuses      ? std::string(bad_mark(style)) + " refuse  "
                      : can_refuse ? "! waived  "
                                   : "! warn    ";
  title += rule;
  std::string text = "  " + painted(style, colour, title);
  if (!text_of(hit, "where").empty()) text += "  " + text_of(hit, "where");
  text += "\n" + indented(text_of(hit, "what"), 4, style);
  std::string reason = text_of(hit, "reason");
  if (!text_of(hit, "outage").empty()) reason += " (outage: " + text_of(hit, "outage") + ")";
  if (!reason.empty()) {
    for (const std::string& line : wrapped("why: " + reason, columns_for_text(style) - 4)) {
      text += "    " + painted(style, Colour::dim, line) + "\n";
    }
  }
  if (refuses) text += "    waive: --waive " + rule + " --reason '...'\n";
  return text;
}

std::string render_diff(std::string_view text, const Style& style) {
  std::string result;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line = printable_lines(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const Colour colour = line.starts_with("+++") || line.starts_with("---") ? Colour::bold
                          : line.starts_with('+')                            ? Colour::green
                          : line.starts_with('-')                            ? Colour::red
                          : line.starts_with("@@")                           ? Colour::cyan
                                                                             : Colour::plain;
    result += painted(style, colour, line) + "\n";
  }
  return result;
}

std::string next_step(const Style& style, std::string_view command, std::string_view meaning) {
  std::string text(arrow(style));
  text += " ";
  constexpr std::string_view kProgram = "keel ";
  if (style.is_prompt && command.starts_with(kProgram)) command.remove_prefix(kProgram.size());
  text += painted(style, Colour::bold, command);
  if (!meaning.empty()) text += "   " + painted(style, Colour::dim, meaning);
  return text + "\n";
}

}  // namespace evenkeel::keel
