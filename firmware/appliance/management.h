// What makes every change of a running box's settings a transaction: archive, journal and overrides
// in one folder, the change on its way, and the API that all of it is reached by.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firmware/appliance/boot.h"
#include "firmware/appliance/control.h"
#include "firmware/appliance/health_file.h"
#include "firmware/appliance/log.h"
#include "firmware/appliance/query_watch.h"
#include "firmware/appliance/views.h"
#include "firmware/appliance/watch.h"
#include "firmware/base/event_loop.h"
#include "firmware/change/journal.h"
#include "firmware/change/overrides.h"
#include "firmware/change/transaction.h"
#include "firmware/manage/server.h"

namespace evenkeel {

// UTC, for the record only.
WallTime wall_now();

class Management {
 public:
  // Answers the API from then on; if its socket cannot be, from when it can.
  // REQUIRES: all but `boot` outlive it; in force are boot's settings with the overrides; the log
  // has what boot warns of.
  Management(Boot boot, const std::string& state, Overrides& overrides, Control& control,
             const Secret& secret, const Log& log, boost::asio::io_context& context);
  Management(const Management&) = delete;
  Management& operator=(const Management&) = delete;
  // What is held of backends is kept: waits for the disk.
  ~Management() { health_file_.finish(health()); }

  // At least every Supervisor::kInterval.
  void tick();

 private:
  Microseconds now() const { return control_.dataplane().clock().now(); }
  void listen();
  void tell_troubles();
  Managed managed();
  HealthFile::Source health() const;
  std::vector<Alert> wrongs() const;
  void record(const Alerts::Entry& entry);

  Archive archive_;
  Control& control_;
  const Log& log_;
  boost::asio::io_context& context_;
  Journal journal_;
  Transaction transaction_;
  QueryWatch queries_;
  BoxViews views_;
  Watch watch_;
  // Of the boot, until other settings are confirmed than those that it found.
  std::vector<std::string> warnings_;
  const std::vector<std::string> lasting_;  // of them, those that stay
  HealthFile health_file_;
  const uint64_t booted_;
  std::unique_ptr<Server> server_;  // null: none could be started yet, and why
  std::string no_server_;
  Microseconds tended_ = 0;
  std::vector<std::string> troubles_;  // as the log has them
};

}  // namespace evenkeel
