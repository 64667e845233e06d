#include "firmware/appliance/management.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "firmware/appliance/wrongs.h"
#include "firmware/manage/metrics.h"

namespace evenkeel {
namespace {

constexpr Microseconds kTendInterval = 5 * kMicrosecondsPerTick;

// How long the control thread waits for a disk: a good one takes milliseconds, and meanwhile nobody
// looks after backends and trials.
constexpr Errand::Patience kPatience = std::chrono::seconds(2);

JournalBounds bounds_of(const Settings& settings) {
  return {.age = settings.journal.age, .bytes = settings.journal.size};
}

}  // namespace

WallTime wall_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<WallTime>(
      std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

Management::Management(Boot boot, const std::string& state, Overrides& overrides, Control& control,
                       const Secret& secret, const Log& log, boost::asio::io_context& context)
    : archive_(std::move(boot.archive)),
      control_(control),
      log_(log),
      context_(context),
      journal_(state + "/journal.sqlite", bounds_of(boot.confirmed.settings), wall_now()),
      transaction_(std::move(boot.confirmed), archive_, journal_, overrides, control),
      queries_(context,
               [this](const Change& change, const std::string& what) {
                 journal_.append({.when = wall_now(),
                                  .kind = "change",
                                  .who = "keeld",
                                  .what = "change " + std::to_string(change.id) + ": " + what,
                                  .generation = change.generation,
                                  .subject = std::to_string(change.id)});
               }),
      views_(control, secret, overrides, queries_.judge(),
             [this]() -> const Settings& { return transaction_.settings(); }),
      watch_(context, log,
             {.page = [this] { return metrics_page(managed()); }, .now = [this] { return now(); }}),
      warnings_(std::move(boot.warnings)),
      lasting_(std::move(boot.lasting)),
      health_file_(state),
      booted_(transaction_.confirmed().generation) {
  warnings_.insert(warnings_.end(), lasting_.begin(), lasting_.end());
  troubles_ = warnings_;
  archive_.set_patience(kPatience);
  journal_.set_patience(kPatience);
  overrides.set_patience(kPatience);
  journal_.set_listener([this](const Event& event) {
    if (event.who == "keeld" && event.what.find(kByItself) != std::string::npos) {
      watch_.tell({.kind = AlertKind::change_rolled_back,
                   .labels = {{"generation", std::to_string(event.generation)}},
                   .text = event.what},
                  now(), wall_now());
    }
    if (event.kind == "backend" || event.kind == "port") return;  // control has logged it
    if (event.kind == "alert") return;                            // watch has
    log_.notice(event.kind + ": " + (event.who == "keeld" ? "" : event.who + ": ") + event.what);
  });
  control_.set_recorder(
      [this](std::string_view kind, const std::string& subject, const std::string& what) {
        journal_.append({.when = wall_now(),
                         .kind = std::string(kind),
                         .who = "keeld",
                         .what = what,
                         .subject = subject});
      });
  control_.set_alarm([this](const std::string& why) {
    transaction_.take_back(why + control_.reach(), now(), wall_now());
  });
  watch_.set_recorder([this](const Alerts::Entry& entry) { record(entry); });
  for (const std::string& warning : warnings_) {
    journal_.append({.when = wall_now(), .kind = "archive", .who = "keeld", .what = warning});
  }
  transaction_.start(wall_now());
  listen();
  tell_troubles();
}

Managed Management::managed() {
  return {.transaction = transaction_,
          .archive = archive_,
          .journal = journal_,
          .views = views_,
          .settings = control_.settings().api,
          .warnings = &warnings_,
          .alerts = &watch_.alerts(),
          .receivers = &watch_.receivers()};
}

HealthFile::Source Management::health() const {
  const Prober& prober = control_.prober();
  return {.revision = prober.revision(), .text = [&prober] { return prober.save(wall_now()); }};
}

void Management::listen() {
  Result<std::unique_ptr<Server>> server = Server::start(
      context_, managed(), [this] { return Instant{.now = now(), .wall = wall_now()}; });
  if (server.ok()) {
    server_ = std::move(server.value());
  } else {
    no_server_ = "the box forwards, but keel cannot reach it: " + server.message();
  }
}

void Management::tick() {
  archive_.tend();
  transaction_.tick(now(), wall_now());
  if (const std::optional<std::string> why = queries_.tick(transaction_, now())) {
    transaction_.take_back(*why + control_.reach(), now(), wall_now());
  }
  views_.tick();
  health_file_.tick(health(), now());
  watch_.tick(
      transaction_.settings(), transaction_.confirmed().settings, [this] { return wrongs(); },
      now(), wall_now());
  if (now() - tended_ < kTendInterval) return;
  tended_ = now();
  journal_.set_bounds(bounds_of(transaction_.settings()));
  journal_.tend(wall_now());
  if (server_ == nullptr) listen();
  if (transaction_.confirmed().generation != booted_) warnings_ = lasting_;
  tell_troubles();
}

// What has events of its own has them already, in more words.
void Management::record(const Alerts::Entry& entry) {
  switch (entry.alert.kind) {
    case AlertKind::backend_down:
    case AlertKind::backend_ejected:
    case AlertKind::backend_spared:
    case AlertKind::link_down:
    case AlertKind::change_rolled_back:
    case AlertKind::journal_failed:
      return;
    default:
      break;
  }
  journal_.append({.when = wall_now(),
                   .kind = "alert",
                   .who = "keeld",
                   .what = (entry.fires() ? "" : "over: ") + entry.alert.text,
                   .subject = id_of(entry.alert)});
}

std::vector<Alert> Management::wrongs() const {
  std::vector<Alert> all = control_.alerts();
  std::ranges::move(transaction_.troubles(), std::back_inserter(all));
  std::ranges::move(queries_.alerts(), std::back_inserter(all));
  for (const std::string& warning : warnings_) {
    all.push_back({.kind = AlertKind::trouble, .labels = {}, .text = warning});
  }
  if (!health_file_.trouble().empty()) {
    all.push_back({.kind = AlertKind::trouble, .labels = {}, .text = health_file_.trouble()});
  }
  if (server_ == nullptr) {
    all.push_back({.kind = AlertKind::api_failed, .labels = {}, .text = no_server_});
  } else {
    std::ranges::move(server_->troubles(), std::back_inserter(all));
  }
  const auto wants_none = [this](const std::string& service, const std::string& backend) {
    return control_.prober().wants_none(service, backend);
  };
  // As long as a change rolls out, most flows follow what was before it.
  const Settings& written =
      control_.rollout() != nullptr ? transaction_.confirmed().settings : transaction_.settings();
  std::ranges::move(wrongs_of_backends(control_.settings(), written, control_.backends(),
                                       transaction_.overrides(), wants_none),
                    std::back_inserter(all));
  return all;
}

// Each once when it begins; control has logged its own.
void Management::tell_troubles() {
  std::vector<std::string> all = warnings_;
  for (Alert& alert : transaction_.troubles()) all.push_back(std::move(alert.text));
  if (!health_file_.trouble().empty()) all.push_back(health_file_.trouble());
  if (server_ == nullptr) {
    all.push_back(no_server_);
  } else {
    for (Alert& alert : server_->troubles()) all.push_back(std::move(alert.text));
  }
  for (const std::string& trouble : all) {
    if (std::ranges::find(troubles_, trouble) == troubles_.end()) log_.error(trouble);
  }
  troubles_ = std::move(all);
}

}  // namespace evenkeel
