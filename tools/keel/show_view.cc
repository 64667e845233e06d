// The lists of `keel show`: one row of a table says of each column what it shows. A column that no
// row of the answer has anything for is left out. Rows are read one by one and kept as what they
// show: there can be 65,535 of them.
#include <algorithm>
#include <array>

#include "firmware/base/check.h"
#include "tools/keel/fields.h"
#include "tools/keel/rows.h"
#include "tools/keel/show.h"
#include "tools/keel/units.h"

namespace evenkeel::keel {
namespace {

enum class Form : uint8_t {
  text,
  name,   // of what the row is about
  state,  // coloured by whether it is well
  sentence,
  reason,   // of something that is not well
  count,    // 12,345
  nonzero,  // the same; 0 is nothing to be told
  rate,     // 12.3k
  part,     // of 1, in percent
  bits,     // bytes a second, told in bits
  time,     // wall time
  left,     // seconds
  age,      // seconds, told roughly
  took,     // milliseconds
  list,
};

struct ViewColumn {
  std::string_view title;
  std::string_view path;
  Form form = Form::text;
};

constexpr ViewColumn kServices[] = {
    {"service", "name", Form::name},
    {"", "state", Form::state},
    {"protocol", "protocol"},
    {"vips", "vips", Form::list},
    {"ports", "ports"},
    {"mode", "mode"},
    {"backends", "backends"},
    {"usable", "usable"},
    {"flows/s", "new_flows_per_s", Form::rate},
    {"packets/s", "packets_per_s", Form::rate},
    {"bit/s", "bytes_per_s", Form::bits},
    {"", "why", Form::reason},
};
constexpr ViewColumn kBackends[] = {
    {"service", "service", Form::name},
    {"backend", "name", Form::name},
    {"", "state", Form::state},
    {"address", "address"},
    {"weight", "weight"},
    {"share", "share", Form::part},
    {"flows/s", "new_flows_per_s", Form::rate},
    {"packets/s", "packets_per_s", Form::rate},
    {"bit/s", "bytes_per_s", Form::bits},
    {"bad flows", "bad", Form::nonzero},
    {"lost", "lost", Form::nonzero},
    {"unanswered", "responses/unanswered", Form::nonzero},
    {"server resets", "server_resets", Form::nonzero},
    {"zero windows", "zero_windows", Form::nonzero},
    {"override", "override/kind"},
    {"left", "override/left_s", Form::left},
    {"", "why", Form::reason},
};
constexpr ViewColumn kHealth[] = {
    {"service", "service", Form::name},
    {"backend", "name", Form::name},
    {"", "state", Form::state},
    {"for", "for_s", Form::age},
    {"load %", "load", Form::count},
    {"weight", "part", Form::part},
    {"lately", "marks"},
    {"last answer", "answer", Form::sentence},
    {"ago", "answered_s", Form::age},
    {"took", "took_ms", Form::took},
    {"why", "why", Form::reason},
    {"note", "note", Form::reason},
};
constexpr ViewColumn kWorkers[] = {
    {"worker", "worker", Form::name},
    {"core", "core"},
    {"", "running", Form::state},
    {"busy", "busy", Form::part},
    {"received", "received", Form::count},
    {"forwarded", "forwarded", Form::count},
    {"dropped", "dropped", Form::count},
    {"held", "held", Form::nonzero},
    {"untold", "untold", Form::nonzero},
    {"no buffer", "no_buffer", Form::nonzero},
    {"evicted flows", "evicted_flows", Form::nonzero},
    {"refused flows", "refused_flows", Form::nonzero},
};
constexpr ViewColumn kPorts[] = {
    {"port", "name", Form::name},
    {"link", "link", Form::state},
    {"device", "device"},
    {"mac", "mac"},
    {"received", "received", Form::count},
    {"transmitted", "transmitted", Form::count},
    {"to kernel", "to_kernel", Form::count},
    {"from kernel", "from_kernel", Form::count},
    {"missed", "missed", Form::nonzero},
    {"no buffer", "no_buffer", Form::nonzero},
    {"queue full", "transmit_full", Form::nonzero},
    {"errors in", "receive_errors", Form::nonzero},
    {"errors out", "transmit_errors", Form::nonzero},
};
constexpr ViewColumn kNeighbours[] = {
    {"address", "address", Form::name},
    {"port", "port"},
    {"mac", "mac"},
    {"", "state", Form::state},
    {"next hop of", "used_by", Form::list},
};
constexpr ViewColumn kDrops[] = {
    {"reason", "reason", Form::name},
    {"packets", "packets", Form::count},
    {"packets/s", "per_s", Form::rate},
    {"", "meaning", Form::sentence},
};
constexpr ViewColumn kAlerts[] = {
    {"", "state", Form::state},
    {"severity", "severity", Form::name},
    {"alert", "id", Form::name},
    {"since (UTC)", "since", Form::time},
    {"over (UTC)", "over", Form::time},
    {"", "what", Form::sentence},
    {"what to do", "advice", Form::sentence},
};
constexpr ViewColumn kQueries[] = {
    {"service", "service", Form::name},
    {"query", "name", Form::name},
    {"", "state", Form::state},
    {"value", "value"},
    {"at least", "at_least"},
    {"at most", "at_most"},
    {"judges", "judges"},
    {"", "what", Form::sentence},
    {"PromQL", "query", Form::sentence},
};
constexpr ViewColumn kOverrides[] = {
    {"id", "id", Form::name},
    {"backend", "backend", Form::name},
    {"", "kind", Form::state},
    {"weight", "weight"},
    {"left", "left_s", Form::left},
    {"ends (UTC)", "ends", Form::time},
    {"who", "who"},
    {"reason", "reason", Form::sentence},
};

struct View {
  std::string_view name;
  std::span<const ViewColumn> columns;
  std::string_view empty;
  bool has_idle_rows = false;  // that are left out: those without packets
  bool is_table = false;       // asked for as one: there can be 65,535 rows
};
constexpr View kViews[] = {
    {"services", kServices, "There are no services."},
    {"backends", kBackends, "There are no backends.", false, true},
    {"health", kHealth, "There are no backends.", false, true},
    {"workers", kWorkers, "There are no workers."},
    {"ports", kPorts, "There are no ports."},
    {"neighbours", kNeighbours, "No neighbour is known."},
    {"drops", kDrops, "Nothing was dropped.", true},
    {"alerts", kAlerts, "Nothing is wrong, and nothing has been since keeld was started."},
    {"queries", kQueries, "Nothing is asked of the user's own monitoring; see services' queries."},
    {"overrides", kOverrides, "Nothing is set at run time; the settings count."},
};

bool is_well(std::string_view state) {
  constexpr std::array<std::string_view, 9> kWell = {"up", "open",      "yes",  "usable", "live",
                                                     "ok", "reachable", "over", "inside"};
  return std::ranges::find(kWell, state) != kWell.end();
}

bool is_set_aside(std::string_view state) {
  constexpr std::array<std::string_view, 7> kAside = {
      "drain", "draining", "maintenance", "weight", "unknown", "unchecked", "stale"};
  return std::ranges::find(kAside, state) != kAside.end();
}

std::string joined(const boost::json::value& list) {
  std::string text;
  for (const std::string& part : texts_of(list, "")) text += (text.empty() ? "" : ", ") + part;
  return text.empty() ? shown(list) : text;
}

Cell state_cell(std::string text) {
  const Colour colour = is_well(text)        ? Colour::green
                        : is_set_aside(text) ? Colour::yellow
                                             : Colour::red;
  return {std::move(text), colour};
}

Cell cell_of(const boost::json::value& value, Form form) {
  if (value.is_null()) return {};
  switch (form) {
    case Form::text:
    case Form::name:
    case Form::sentence:
      return {shown(value)};
    case Form::state:
      return state_cell(shown(value));
    case Form::reason:
      return {shown(value), Colour::yellow};
    case Form::count:
      return {grouped(count_of(value, ""))};
    case Form::nonzero: {
      const uint64_t count = count_of(value, "");
      return {count > 0 ? grouped(count) : "", Colour::yellow};
    }
    case Form::rate:
      return {shortened(number_of(value, "").value_or(0))};
    case Form::part:
      return {percent(100 * number_of(value, "").value_or(0))};
    case Form::bits:
      return {shortened(8 * number_of(value, "").value_or(0))};
    case Form::time:
      return {time_of(value, ""), Colour::dim};
    case Form::left: {
      const uint64_t seconds = count_of(value, "");
      return seconds > 0 ? Cell{countdown(seconds)} : Cell{"overdue", Colour::yellow};
    }
    case Form::age:
      return {how_long(count_of(value, ""))};
    case Form::took:
      return {milliseconds(number_of(value, "").value_or(0))};
    case Form::list:
      return {joined(value)};
  }
  return {};
}

bool is_number(Form form) {
  return form == Form::count || form == Form::nonzero || form == Form::rate || form == Form::part ||
         form == Form::bits || form == Form::left || form == Form::age || form == Form::took;
}

// Who it is about and whether that is well stand at the row's beginning on every terminal.
Narrow narrow_of(Form form) {
  if (form == Form::name) return Narrow::is_cut;
  if (form == Form::state) return Narrow::stays;
  const bool is_long = form == Form::sentence || form == Form::reason || form == Form::list;
  return is_long ? Narrow::wraps : Narrow::folds;
}

// The rows of one view, made into its table one after the other.
class Lister {
 public:
  explicit Lister(const View& view) : view_(view), table_(columns_of(view)) {}

  void add(const boost::json::value& row) {
    if (view_.has_idle_rows && count_of(row, "packets") == 0) return;
    cells_.clear();
    const boost::json::array* const values = row.if_array();
    for (size_t i = 0; i < view_.columns.size(); ++i) {
      const ViewColumn& column = view_.columns[i];
      const boost::json::value* const value =
          values == nullptr ? &field(row, column.path) : values->if_contains(i);
      cells_.push_back(value == nullptr ? Cell{} : cell_of(*value, column.form));
    }
    table_.add(cells_);
  }

  std::string text(const Style& style) const {
    std::string text = table_.text(style);
    return text.empty() ? std::string(view_.empty) + "\n" : text;
  }

 private:
  static std::vector<Column> columns_of(const View& view) {
    std::vector<Column> columns;
    for (const ViewColumn& column : view.columns) {
      columns.push_back({.title = std::string(column.title),
                         .to_right = is_number(column.form),
                         .narrow = narrow_of(column.form),
                         .is_dropped_empty = true});
    }
    return columns;
  }

  const View& view_;
  Table table_;
  std::vector<Cell> cells_;  // of one row
};

const View& view_of(std::string_view what) {
  const auto* const view = std::ranges::find(kViews, what, &View::name);
  REQUIRE(view != std::end(kViews));
  return *view;
}

}  // namespace

std::string columns_of_view(std::string_view what) {
  const View& view = view_of(what);
  std::string columns;
  if (!view.is_table) return columns;
  for (const ViewColumn& column : view.columns) {
    columns += (columns.empty() ? "" : ",") + std::string(column.path);
  }
  return columns;
}

Result<std::string> render_view(std::string_view what, std::string_view answer,
                                const Style& style) {
  const View& view = view_of(what);
  Lister lister(view);
  const std::string_view list = view.is_table ? "rows" : what;
  const Status status =
      read_rows(answer, list, [&lister](const boost::json::value& row) { lister.add(row); });
  if (!status.ok()) return Error{status.message()};
  return lister.text(style);
}

}  // namespace evenkeel::keel
