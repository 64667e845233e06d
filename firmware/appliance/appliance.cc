#include "firmware/appliance/appliance.h"

#include <systemd/sd-daemon.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "drivers/telemetry.h"
#include "firmware/appliance/control.h"
#include "firmware/appliance/dataplane.h"
#include "firmware/appliance/health_file.h"
#include "firmware/appliance/management.h"
#include "firmware/appliance/status.h"
#include "firmware/change/override_settings.h"
#include "firmware/settings/load.h"
#include "firmware/settings/secret.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;

// How long an answer for dpdk-telemetry.py may take the control thread.
constexpr std::chrono::seconds kAnswerTime{1};

// Signals are the control thread's alone: DPDK's telemetry gives up for good if one interrupts it.
// Threads inherit what is blocked when they are started.
void mask_signals(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(how, &signals, nullptr);
}

// The event loop of the control thread, and what reaches it from outside.
class Loop {
 public:
  // What else there is to do every Supervisor::kInterval, and at SIGHUP.
  struct Tasks {
    std::function<void()> tick;
    std::function<void()> hang_up;
  };

  Loop(asio::io_context& context, Control& control, Neighbours& neighbours, const Log& log)
      : context_(context),
        control_(control),
        log_(log),
        ends_(context_, SIGTERM, SIGINT),
        hangups_(context_, SIGHUP),
        timer_(context_),
        netlink_(context_, neighbours.descriptor()) {}
  // The descriptor is not ours to close.
  ~Loop() { netlink_.release(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run(Tasks tasks) {
    tasks_ = std::move(tasks);
    await_end();
    await_hangup();
    await_timer();
    await_netlink();
    add_telemetry();
    mask_signals(SIG_UNBLOCK);
    context_.run();
    mask_signals(SIG_BLOCK);  // a second one must not end us half way
  }

 private:
  void await_end() {
    ends_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      log_.info(signal == SIGTERM ? "ending, by SIGTERM" : "ending, by SIGINT");
      context_.stop();
    });
  }

  // However many come meanwhile, they count as one, behind all that waits: the end above all.
  void await_hangup() {
    hangups_.async_wait([this](const boost::system::error_code& error, int /*signal*/) {
      if (error) return;
      if (!std::exchange(is_hung_up_, true)) asio::post(context_, [this] { hang_up(); });
      await_hangup();
    });
  }

  void await_timer() {
    timer_.expires_after(std::chrono::microseconds(Supervisor::kInterval));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      control_.tick();
      tasks_.tick();
      sd_notify(0, "WATCHDOG=1");
      await_timer();
    });
  }

  void await_netlink() {
    netlink_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [this](const boost::system::error_code& error) {
                          if (error) return;
                          control_.on_netlink();
                          await_netlink();
                        });
  }

  void hang_up() {
    is_hung_up_ = false;
    tasks_.hang_up();
  }

  // Answers are made by the control thread, which alone may look at all this; who asks waits.
  template <typename Answer>
  auto ask(Answer answer) -> Result<decltype(answer())> {
    auto promise = std::make_shared<std::promise<decltype(answer())>>();
    auto future = promise->get_future();
    asio::post(context_,
               [promise, answer = std::move(answer)]() mutable { promise->set_value(answer()); });
    if (future.wait_for(kAnswerTime) != std::future_status::ready) {
      return Error{"the control thread has not answered for a second: see keeld's log"};
    }
    return future.get();
  }

  void add_fields(const char* path, const char* help, TelemetryFields (*describe)(const Control&)) {
    telemetry_.add(path, help, [this, describe](std::string_view) {
      return ask([this, describe] { return describe(control_); });
    });
  }

  // The page is handed over and back, for the asking thread may give up and be gone.
  void add_pages(const char* path, const char* help,
                 Status (*list)(const Control&, std::string_view, TelemetryPage&)) {
    telemetry_.add_list(path, help, [this, list](std::string_view parameter, TelemetryPage& page) {
      using Answered = std::pair<Status, TelemetryPage>;
      Result<Answered> answered =
          ask([this, list, wanted = std::string(parameter), filled = page]() mutable {
            Status status = list(control_, wanted, filled);
            return Answered(std::move(status), std::move(filled));
          });
      if (!answered.ok()) return Status(Error{answered.message()});
      page = std::move(answered.value().second);
      return std::move(answered.value().first);
    });
  }

  void add_telemetry() {
    add_fields("/evenkeel/plan", "The plan in force", describe_plan);
    add_fields("/evenkeel/drops", "Packets dropped, by reason", describe_drops);
    add_fields("/evenkeel/pool", "Packet buffers, and how many are free", describe_pool);
    add_fields("/evenkeel/troubles", "What is wrong now", describe_troubles);
    add_pages("/evenkeel/services", "Services. Parameter: first one to show", list_services);
    add_pages("/evenkeel/backends", "Backends. Parameters: service, first one to show",
              list_backends);
    add_pages("/evenkeel/workers", "Workers and what passed them", list_workers);
    add_pages("/evenkeel/ports", "Ports and what passed them", list_ports);
  }

  asio::io_context& context_;
  Control& control_;
  const Log& log_;
  asio::signal_set ends_;
  asio::signal_set hangups_;
  asio::steady_timer timer_;
  asio::posix::stream_descriptor netlink_;
  Tasks tasks_;
  bool is_hung_up_ = false;
  Telemetry telemetry_;
};

std::string summary(const Control& control) {
  return "forwarding: " + std::to_string(control.settings().ports.size()) + " ports, " +
         std::to_string(control.dataplane().workers()) + " workers, " +
         std::to_string(control.settings().services.size()) + " services, " +
         std::to_string(control.backends().size()) + " backends";
}

void reload(const std::string& path, Control& control, const Log& log) {
  const Loaded loaded = load_settings_file(path);
  if (!loaded.ok()) {
    log.error("settings not taken over, those in force stay: " + loaded.message());
    return;
  }
  const Status status = control.reload(loaded.settings);
  if (status.ok()) {
    log.notice("settings of " + path + " taken over");
  } else {
    log.error("settings not taken over, those in force stay: " + status.message());
  }
}

// What stands before the first plan: what the flow hash is keyed with; DPDK, ports, the kernel's
// side of them.
struct Ground {
  Secret secret;
  std::string trouble;  // of the secret's file; empty: none
  std::unique_ptr<Dataplane> dataplane;
};

Result<Ground> start_ground(const Settings& settings, const Log& log) {
  mask_signals(SIG_BLOCK);
  std::signal(SIGPIPE, SIG_IGN);  // who reads the log may go, and the box stays
  const Result<KeptSecret> key = read_or_make_secret(settings.secret_file);
  if (!key.ok()) return Error{key.message()};
  if (!key.value().trouble.empty()) log.error(key.value().trouble);
  Result<std::unique_ptr<Dataplane>> dataplane = Dataplane::start(settings);
  if (!dataplane.ok()) return Error{dataplane.message()};
  return Ground{.secret = Secret(key.value().bytes),
                .trouble = key.value().trouble,
                .dataplane = std::move(dataplane.value())};
}

// What was held of backends before the restart, if that is not long ago.
void restore_health(const std::string& state, Control& control, const Log& log) {
  const Result<std::optional<std::string>> kept = HealthFile(state).read();
  Status restored = kept.ok() ? Status() : Status(Error{kept.message()});
  if (kept.ok() && kept.value().has_value()) {
    restored = control.restore_health(kept.value().value_or(""), wall_now(), HealthFile::kMaxAge);
  }
  if (restored.ok()) return;
  log.notice("what was known of backends is not taken up, and they are asked anew: health.json: " +
             restored.message());
}

// From here on, events.
void run(Loop& loop, Control& control, const Log& log, Loop::Tasks tasks) {
  log.info(summary(control));
  sd_notify(0, "READY=1");
  loop.run(std::move(tasks));
  sd_notify(0, "STOPPING=1");
}

}  // namespace

Status run_by_file(const std::string& path, Settings settings, const Log& log) {
  const Result<Ground> ground = start_ground(settings, log);
  if (!ground.ok()) return Error{ground.message()};
  Dataplane& dataplane = *ground.value().dataplane;

  asio::io_context context{1};
  Control control(std::move(settings), dataplane, ground.value().secret, log, context);
  Status started = control.start();
  if (!started.ok()) return started;

  Loop loop(context, control, dataplane.neighbours(), log);
  run(loop, control, log, {.tick = [] {}, .hang_up = [&] { reload(path, control, log); }});
  return {};
}

Status run_managed(const std::string& state, const std::string& seed, const Log& log) {
  // 1. What is to be in force.
  Result<Boot> booted = boot(state, seed, wall_now());
  if (!booted.ok()) return Error{booted.message()};
  const Settings& confirmed = booted.value().confirmed.settings;
  for (const std::string& warning : booted.value().warnings) log.error(warning);

  // 2. What it stands on.
  const Result<Ground> ground = start_ground(confirmed, log);
  if (!ground.ok()) return Error{ground.message()};
  Dataplane& dataplane = *ground.value().dataplane;

  if (const std::string& trouble = ground.value().trouble; !trouble.empty()) {
    booted.value().lasting.push_back(trouble);
  }

  // 3. The first plan, with what operators had set at run time, and workers that follow it.
  Overrides overrides(state + "/overrides.json", dataplane.clock().now(), wall_now());
  asio::io_context context{1};
  Control control(with_overrides(confirmed, overrides), dataplane, ground.value().secret, log,
                  context);
  restore_health(state, control, log);
  Status started = control.start();
  if (!started.ok()) return started;

  // 4. What changes it.
  Loop loop(context, control, dataplane.neighbours(), log);
  Management management(std::move(booted.value()), state, overrides, control, ground.value().secret,
                        log, context);
  run(loop, control, log,
      {.tick = [&] { management.tick(); },
       .hang_up =
           [&] { log.notice("SIGHUP changes nothing: the settings are changed with keel"); }});
  return {};
}

}  // namespace evenkeel
