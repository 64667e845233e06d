// A prober at work in the test's own event loop, on real sockets, by a clock that can leap.
#pragma once

#include <boost/asio/io_context.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "firmware/health/prober.h"
#include "tests/health/servers.h"

namespace evenkeel {

inline constexpr Microseconds kMillisecond = 1'000;

// A prober, its event loop, and one service "shop" of mode nat, so that each backend has a port.
struct Room {
  explicit Room(size_t probes = 100, SamePath::Parts path = {})
      : prober(context, {.now = [this] { return real_now() + leap; },
                         .random = [this] { return generator(); },
                         .on_change = [this] { ++changes; },
                         .probes = probes,
                         .path = std::move(path)}) {
    ServiceSettings service;
    service.name = "shop";
    service.mode = Mode::nat;
    service.ports = {.first = 80, .last = 80};
    service.check.type = CheckType::tcp;
    service.check.interval = 20 * kMillisecond;
    service.check.timeout = 15 * kMillisecond;
    service.check.rise = 2;
    service.check.fall = 2;
    settings.services.push_back(service);
  }

  ServiceSettings& shop() { return settings.services[0]; }
  void add(const char* name, uint16_t port, const char* address = "127.0.0.1") {
    BackendSettings backend;
    backend.name = name;
    backend.address = *parse_address(address);
    backend.port = port;
    shop().backends.push_back(backend);
  }
  void follow() { prober.follow(settings); }
  CheckState state(const char* name) const { return prober.describe("shop", name); }
  std::string why(const char* name) const { return prober.why_not("shop", name); }
  // What is wrong, in sentences.
  std::vector<std::string> troubles() const {
    std::vector<std::string> texts;
    for (const Alert& alert : prober.alerts()) texts.push_back(alert.text);
    return texts;
  }
  bool becomes(const char* name, Health health) {
    return comes_true(context, [&] { return state(name).health == health; });
  }
  // Until the backend has been asked so many times more.
  bool is_asked(const TestServer& server, size_t times) {
    const size_t end = server.accepted() + times;
    return comes_true(context, [&] { return server.accepted() >= end; });
  }

  boost::asio::io_context context{1};
  std::mt19937_64 generator{1};
  Microseconds leap = 0;
  size_t changes = 0;
  Settings settings;
  Prober prober;
};

}  // namespace evenkeel
