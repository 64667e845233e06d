#include "tools/keel/top.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "tools/keel/fields.h"
#include "tools/keel/units.h"

namespace evenkeel::keel {
namespace {

constexpr size_t kBarColumns = 16;

double rate_of(const boost::json::value& row, std::string_view path) {
  return number_of(row, path).value_or(0);
}

std::string head(const boost::json::value& status, const Style& style) {
  std::string text = painted(style, Colour::bold, text_of(status, "name")) + "   generation " +
                     text_of(status, "in_force") + "   up " +
                     how_long(count_of(status, "uptime_s"));
  if (has(status, "change/id")) {
    std::string change =
        "change " + text_of(status, "change/id") + " " + text_of(status, "change/state");
    if (has(status, "change/deadline_s")) {
      change += ", " + countdown(count_of(status, "change/deadline_s")) + " left";
    }
    text += "   " + painted(style, Colour::yellow, change);
  }
  text += "\n";
  for (const std::string& trouble : texts_of(status, "troubles")) {
    text += painted(style, Colour::red, std::string(bad_mark(style)) + " " + trouble) + "\n";
  }
  return text;
}

std::vector<Cell> rates(const boost::json::value& row) {
  return {{shortened(rate_of(row, "new_flows_per_s"))},
          {shortened(rate_of(row, "packets_per_s"))},
          {shortened(8 * rate_of(row, "bytes_per_s"))}};
}

std::string services_table(const boost::json::value& services, const Style& style) {
  Table table({{"service", false, Narrow::is_cut},
               {""},
               {"usable", true},
               {"flows/s", true},
               {"packets/s", true},
               {"bit/s", true}});
  for (const boost::json::value& row : list_of(services, "services")) {
    const bool is_open = text_of(row, "state") == "open";
    std::vector<Cell> cells = {{text_of(row, "name")},
                               {text_of(row, "state"), is_open ? Colour::green : Colour::red},
                               {text_of(row, "usable") + " of " + text_of(row, "backends")}};
    std::ranges::move(rates(row), std::back_inserter(cells));
    table.add(cells);
  }
  return table.text(style);
}

// The share that a backend has of its service's new flows now, beside the one that it should have.
std::vector<Cell> backend_cells(const boost::json::value& row, double service_flows,
                                const Style& style) {
  const bool is_usable = text_of(row, "state") == "usable";
  const double now = service_flows > 0 ? rate_of(row, "new_flows_per_s") / service_flows : 0;
  std::vector<Cell> cells = {{text_of(row, "service") + "/" + text_of(row, "name")},
                             {text_of(row, "state"), is_usable ? Colour::green : Colour::yellow}};
  std::ranges::move(rates(row), std::back_inserter(cells));
  cells.push_back({percent(100 * now)});
  cells.push_back({bar(style, now, kBarColumns), Colour::cyan});
  cells.push_back({percent(100 * rate_of(row, "share")), Colour::dim});
  return cells;
}

std::string backends_table(const boost::json::value& backends, const Style& style, size_t most) {
  std::map<std::string, double> flows;
  std::vector<const boost::json::value*> rows;
  for (const boost::json::value& row : list_of(backends, "backends")) {
    flows[text_of(row, "service")] += rate_of(row, "new_flows_per_s");
    rows.push_back(&row);
  }
  // Of equals, those that stand first: they are elements of one array.
  std::ranges::sort(rows, {}, [](const boost::json::value* row) {
    return std::pair(-rate_of(*row, "new_flows_per_s"), row);
  });
  const size_t shown = most == 0 ? rows.size() : std::min(rows.size(), most);
  Table table({{"backend", false, Narrow::is_cut},
               {""},
               {"flows/s", true},
               {"packets/s", true},
               {"bit/s", true},
               {"share", true},
               {""},
               {"planned", true}});
  for (size_t i = 0; i < shown; ++i) {
    table.add(backend_cells(*rows[i], flows[text_of(*rows[i], "service")], style));
  }
  std::string text = table.text(style);
  if (shown < rows.size()) {
    text += painted(style, Colour::dim,
                    "and " + std::to_string(rows.size() - shown) + " with fewer flows") +
            "\n";
  }
  return text;
}

std::string first_lines(const std::string& text, size_t count) {
  size_t at = 0;
  for (size_t i = 0; i < count && at < text.size(); ++i) {
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return text.substr(0, at);
}

}  // namespace

std::string render_top(const boost::json::value& look, size_t rows, const Style& style) {
  std::string text = head(field(look, "status"), style) + "\n";
  const std::string services = services_table(field(look, "services"), style);
  // Of few rows, half are the services' at most.
  text += rows == 0 ? services : first_lines(services, std::max<size_t>(rows / 2, 2));
  text += "\n";
  const auto used = static_cast<size_t>(std::ranges::count(text, '\n'));
  const size_t left = rows == 0 ? 0 : std::max<size_t>(rows > used + 3 ? rows - used - 3 : 1, 1);
  text += backends_table(field(look, "backends"), style, left);
  return rows == 0 ? text : first_lines(text, rows);
}

}  // namespace evenkeel::keel
