// One service of a plan: its flows that move, each backend's share before and after, its health
// check side by side, and what is left if one backend fails.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tools/keel/fields.h"
#include "tools/keel/plan.h"
#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr size_t kMostBackends = 40;  // of a service in full; the rest is counted

struct Mark {
  std::string text;
  Colour colour = Colour::plain;
};

Mark mark_of(std::string_view fate) {
  if (fate == "added") return {"+", Colour::green};
  if (fate == "removed") return {"-", Colour::red};
  if (fate == "changed") return {"~", Colour::yellow};
  return {" ", Colour::plain};
}

double part_of(const boost::json::value& of, std::string_view path) {
  return number_of(of, path).value_or(0);
}

double difference_of(const boost::json::value& backend) {
  return std::abs(part_of(backend, "share/after") - part_of(backend, "share/before"));
}

// As far as percentages with one digit tell.
bool is_untouched(const boost::json::value& backend) {
  constexpr double kSeen = 0.0005;
  return text_of(backend, "fate") == "same" && difference_of(backend) < kSeen &&
         part_of(backend, "moved") < kSeen && text_of(backend, "trouble").empty();
}

std::string rate(const boost::json::value& of, std::string_view path) {
  return shortened(part_of(of, path));
}

struct Shown {
  std::vector<const boost::json::value*> backends;
  size_t untouched = 0;
  size_t more = 0;  // touched, but too many
};

// Those that the change touches; if they are too many, those whose share differs most.
Shown shown_backends(const boost::json::value& service) {
  Shown shown;
  for (const boost::json::value& backend : list_of(service, "backends")) {
    if (is_untouched(backend)) {
      ++shown.untouched;
    } else {
      shown.backends.push_back(&backend);
    }
  }
  if (shown.untouched <= 3 && shown.backends.size() <= kMostBackends / 2) {
    // So few are worth their lines: they are what the others are compared with.
    shown = {};
    for (const boost::json::value& backend : list_of(service, "backends")) {
      shown.backends.push_back(&backend);
    }
  }
  if (shown.backends.size() <= kMostBackends) return shown;
  // Of equals, those that stand first: they are elements of one array.
  std::ranges::sort(shown.backends, {}, [](const auto* backend) {
    return std::pair(-difference_of(*backend), backend);
  });
  shown.more = shown.backends.size() - kMostBackends;
  shown.backends.resize(kMostBackends);
  return shown;
}

double largest_share(const std::vector<const boost::json::value*>& backends) {
  double largest = 0;
  for (const boost::json::value* backend : backends) {
    largest =
        std::max({largest, part_of(*backend, "share/before"), part_of(*backend, "share/after")});
  }
  return largest > 0 ? largest : 1;
}

std::string load_of(const boost::json::value& backend) {
  const double capacity = part_of(backend, "capacity");
  if (capacity <= 0) return "";
  return percent(100 * part_of(backend, "flows/after") / capacity);
}

// On a narrow terminal names matter more than bars.
size_t bar_columns(const Style& style) {
  constexpr size_t kWide = 100;
  return style.width != 0 && style.width < kWide ? 5 : 12;
}

std::vector<Cell> backend_row(const boost::json::value& backend, double largest,
                              const Style& style) {
  const Mark mark = mark_of(text_of(backend, "fate"));
  const double before = part_of(backend, "share/before");
  const double after = part_of(backend, "share/after");
  const double load = part_of(backend, "capacity") > 0
                          ? part_of(backend, "flows/after") / part_of(backend, "capacity")
                          : 0;
  const double moved = part_of(backend, "moved");
  return {{mark.text, mark.colour},
          {text_of(backend, "name"), mark.colour},
          {percent(100 * before), Colour::dim},
          {bar(style, before / largest, bar_columns(style)), Colour::dim},
          {std::string(arrow(style)), Colour::dim},
          {percent(100 * after), difference_of(backend) >= 0.0005 ? Colour::bold : Colour::plain},
          {bar(style, after / largest, bar_columns(style)),
           mark.colour == Colour::plain ? Colour::cyan : mark.colour},
          {rate(backend, "flows/before") + " " + std::string(arrow(style)) + " " +
           rate(backend, "flows/after")},
          {load_of(backend), load > 1 ? Colour::red : Colour::plain},
          {moved > 0 ? percent(100 * moved) : "", Colour::plain}};
}

std::string backends_table(const boost::json::value& service, const Style& style) {
  const Shown shown = shown_backends(service);
  if (shown.backends.empty() && shown.untouched == 0) return "";
  const double largest = largest_share(shown.backends);
  Table table({{""},
               {"backend", false, Narrow::is_cut},
               {"before", true},
               {""},
               {""},
               {"after", true},
               {""},
               {"flows/s", true},
               {"load", true},
               {"leave", true}},
              2);
  for (const boost::json::value* backend : shown.backends) {
    table.add(backend_row(*backend, largest, style));
  }
  std::string text = table.text(style);
  const auto note = [&](size_t count, std::string_view what) {
    if (count == 0) return;
    text += "     " + painted(style, Colour::dim, std::to_string(count) + std::string(what)) + "\n";
  };
  note(shown.more, " more change less; keel plan --json has all of them");
  note(shown.untouched, " others stay as they are");
  for (const boost::json::value* backend : shown.backends) {
    const std::string trouble = text_of(*backend, "trouble");
    if (trouble.empty()) continue;
    text += "     " +
            painted(style, Colour::red, text_of(*backend, "name") + " takes no flows: " + trouble) +
            "\n";
  }
  return text;
}

std::string check_table(const boost::json::value& service, const Style& style) {
  const boost::json::array& rows = list_of(service, "check");
  if (rows.empty()) {
    return "\n     " + painted(style, Colour::yellow, "no health check, before or after") + "\n";
  }
  Table table(
      {{""}, {"health check"}, {"before", false, Narrow::wraps}, {"after", false, Narrow::wraps}},
      2);
  for (const boost::json::value& row : rows) {
    const std::string before = text_of(row, "before");
    const std::string after = text_of(row, "after");
    const std::string_view fate = before == after  ? "same"
                                  : before.empty() ? "added"
                                  : after.empty()  ? "removed"
                                                   : "changed";
    const Mark mark = mark_of(fate);
    const std::string none = style.unicode ? "–" : "-";
    table.add({{mark.text, mark.colour},
               {text_of(row, "name"), mark.colour},
               {before.empty() ? none : before, Colour::dim},
               {after.empty() ? none : after, mark.colour}});
  }
  return "\n" + table.text(style);
}

Cell headroom_of(const boost::json::value& service, std::string_view side) {
  const boost::json::value& headroom = field(service, "headroom/" + std::string(side));
  if (headroom.is_null()) return {"no capacity is declared", Colour::dim};
  const double load = part_of(headroom, "load");
  std::string text = "without " + text_of(headroom, "without") + ", " +
                     text_of(headroom, "fullest") + " is at " + percent(100 * load);
  if (!flag_of(headroom, "by_traffic")) text += " (as if half of all capacity were used)";
  return {text, load > 1 ? Colour::red : load > 0.8 ? Colour::yellow : Colour::green};
}

std::string headroom_table(const boost::json::value& service, const Style& style) {
  if (!has(service, "headroom/before") && !has(service, "headroom/after")) return "";
  Table table({{"headroom"}, {"if one backend fails", false, Narrow::wraps}}, 5);
  if (text_of(service, "fate") != "added") table.add({{"before"}, headroom_of(service, "before")});
  if (text_of(service, "fate") != "removed") table.add({{"after"}, headroom_of(service, "after")});
  return "\n" + table.text(style);
}

std::string moved_line(const boost::json::value& service) {
  std::string text = "     flows that move: ";
  const std::optional<double> by_flows = number_of(service, "moved_flows");
  if (by_flows) text += percent(100 * *by_flows) + " of the last minute's, ";
  text += percent(100 * part_of(service, "moved")) + " of the hash space";
  return text + (by_flows ? "" : " (no traffic to weigh by)") + "\n";
}

std::string openness(const boost::json::value& service, const Style& style) {
  const bool before = flag_of(service, "open/before");
  const bool after = flag_of(service, "open/after");
  const bool is_removed = text_of(service, "fate") == "removed";
  if (after || is_removed) {
    const bool opens = after && !before && text_of(service, "fate") != "added";
    return opens ? "     " + painted(style, Colour::green, "opens: somebody takes its flows") + "\n"
                 : "";
  }
  return "     " +
         painted(style, Colour::red,
                 before ? "CLOSES: nobody is left to take its flows"
                        : "stays closed: nobody takes its flows") +
         "\n";
}

}  // namespace

std::string render_service_impact(const boost::json::value& service, const Style& style) {
  const std::string fate = text_of(service, "fate");
  const Mark mark = mark_of(fate);
  std::string title = mark.text + " " + text_of(service, "name");
  if (has(service, "family")) title += " (" + text_of(service, "family") + ")";
  std::string text =
      painted(style, mark.colour, title) + "   " +
      painted(style, Colour::dim, rate(service, "flows") + " new flows/s in the last minute") +
      "\n";
  text += openness(service, style);
  const uint64_t before = count_of(service, "buckets/before");
  const uint64_t after = count_of(service, "buckets/after");
  if (fate == "changed") text += moved_line(service);
  if (before != after && before > 0 && after > 0) {
    text += "     buckets: " + grouped(before) + " " + std::string(arrow(style)) + " " +
            grouped(after) + "\n";
  }
  text += backends_table(service, style);
  text += check_table(service, style);
  return text + headroom_table(service, style);
}

}  // namespace evenkeel::keel
