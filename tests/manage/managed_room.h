// A box that is managed, for tests of the API: a transaction with all that belongs to it
// (tests/change/small_box.h), and views of the settings in force, with rows as answers.cc has them.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <utility>

#include "firmware/manage/api.h"
#include "firmware/manage/route.h"
#include "tests/change/small_box.h"
#include "tests/change/small_texts.h"

namespace evenkeel {

class SmallViews final : public Views {
 public:
  explicit SmallViews(const Machine& machine) : machine_(machine) {}

  boost::json::object status(boost::json::storage_ptr storage) const override {
    boost::json::object box(std::move(storage));
    box["name"] = settings().name;
    box["uptime_s"] = 12;
    box["eal_prefix"] = settings().eal_prefix;
    const boost::json::value outcomes = {{"good", 9}, {"bad", 1}};
    box["rollout"] = {{"share", 10},
                      {"services", boost::json::array{{{"service", "shop"},
                                                       {"verdict", "inconclusive"},
                                                       {"evidence", "too little to tell"},
                                                       {"old_arm", outcomes},
                                                       {"new_arm", outcomes}}}}};
    box["troubles"] = boost::json::array{"the fan is loud"};
    return box;
  }

  boost::json::array services(boost::json::storage_ptr storage) const override {
    boost::json::array rows(storage);
    for (const ServiceSettings& service : settings().services) {
      rows.push_back({{"name", service.name},
                      {"state", "open"},
                      {"why", ""},
                      {"protocol", "tcp"},
                      {"vips", {"192.0.2.10"}},
                      {"ports", "80"},
                      {"mode", "ipip"},
                      {"buckets", service.buckets},
                      {"moved", false},
                      {"backends", service.backends.size()},
                      {"usable", service.backends.size()},
                      {"packets", 1},
                      {"bytes", 2},
                      {"new_flows", 3},
                      {"packets_per_s", 0.5},
                      {"bytes_per_s", 0.5},
                      {"new_flows_per_s", 0.5}});
    }
    return rows;
  }

  Status backends(std::string_view service, const RowSink& row) const override {
    boost::json::object reused;
    bool is_known = service.empty();
    for (const ServiceSettings& one : settings().services) {
      if (!service.empty() && one.name != service) continue;
      is_known = true;
      for (size_t turn = 0; turn < repeated; ++turn) {
        for (const BackendSettings& backend : one.backends) {
          fill(reused, one, backend);
          row(reused);
        }
      }
    }
    if (!is_known) return Error{"there is no service '" + std::string(service) + "'"};
    return {};
  }

  Status health(std::string_view service, const RowSink& row) const override {
    return backends(service, [&row](const boost::json::object& backend) {
      row({{"service", backend.at("service")},
           {"name", backend.at("name")},
           {"state", "up"},
           {"for_s", 70},
           {"why", ""},
           {"answer", "connected"},
           {"answered_s", nullptr},
           {"took_ms", 0.25},
           {"marks", "-+"},
           {"answers", {"2 s ago, bad: connection refused", "1 s ago, good: connected"}},
           {"note", ""},
           {"part", 1.0},
           {"load", nullptr}});
    });
  }

  boost::json::array workers(boost::json::storage_ptr storage) const override {
    boost::json::object row(storage);
    for (const char* name :
         {"worker", "core", "received", "received_bytes", "forwarded", "forwarded_bytes", "dropped",
          "held", "answers", "untold", "no_buffer", "evicted_flows", "refused_flows", "naps"}) {
      row[name] = 7;
    }
    row["running"] = "yes";
    row["busy"] = 0.25;
    return boost::json::array({std::move(row)}, storage);
  }

  boost::json::array ports(boost::json::storage_ptr storage) const override {
    boost::json::object row(storage);
    for (const char* name : {"received", "transmitted", "transmit_full", "to_kernel", "from_kernel",
                             "missed", "no_buffer", "receive_errors", "transmit_errors"}) {
      row[name] = 7;
    }
    row["name"] = settings().ports.front().name;
    row["device"] = settings().ports.front().device;
    row["mac"] = "02:00:00:00:00:01";
    row["link"] = "up";
    return boost::json::array({std::move(row)}, storage);
  }

  boost::json::array neighbours(boost::json::storage_ptr storage) const override {
    const boost::json::value row = {{"address", "10.0.0.1"},
                                    {"port", "wan"},
                                    {"mac", "02:00:00:00:00:09"},
                                    {"state", "reachable"},
                                    {"used_by", {"shop/web1"}}};
    return boost::json::array({row}, storage);
  }

  boost::json::array drops(boost::json::storage_ptr storage) const override {
    const boost::json::value row = {{"reason", "no_service"}, {"packets", 5}, {"per_s", 0.0}};
    return boost::json::array({row}, storage);
  }

  boost::json::array queries(boost::json::storage_ptr storage) const override {
    const boost::json::value row = {
        {"service", "shop"},   {"name", "errors"}, {"query", "sum(rate(errors[1m]))"},
        {"state", "inside"},   {"value", 0.01},    {"at_most", 0.02},
        {"at_least", nullptr}, {"judges", false},  {"what", "is 0.01, inside its bounds"}};
    return boost::json::array({row}, storage);
  }

  void metrics(Exposition& ret_page) const override {
    ret_page.gauge("evenkeel_service_backends", "Backends of a service");
    for (const ServiceSettings& service : settings().services) {
      ret_page.sample({{"service", service.name}}, uint64_t{service.backends.size()});
    }
  }

  Result<boost::json::object> why(const FlowQuestion& flow, const Settings* other,
                                  boost::json::storage_ptr storage) const override {
    const Settings& asked = other != nullptr ? *other : settings();
    const bool is_served = flow.port == asked.services.front().ports.first;
    boost::json::object answer(storage);
    for (const char* name : {"reason", "service", "hash", "bucket", "arm", "moved", "memory",
                             "current", "previous", "backend", "address", "mode", "next_hop"}) {
      answer[name] = nullptr;
    }
    answer["verdict"] = is_served ? "forwarded" : "kernel";
    answer["because"] = "of the settings";
    if (is_served) {
      answer["service"] = asked.services.front().name;
      answer["next_hop"] = {
          {"address", "10.0.0.1"}, {"port", "wan"}, {"mac", ""}, {"state", "down"}};
    }
    answer["headers"] = {{{"name", "ipv4"}, {"text", "10.0.0.254 > 10.0.0.1"}}};
    return answer;
  }

  size_t repeated = 1;

 private:
  const Settings& settings() const { return *machine_.box->in_force().settings; }

  static void fill(boost::json::object& row, const ServiceSettings& service,
                   const BackendSettings& backend) {
    row["service"] = service.name;
    row["name"] = backend.name;
    row["state"] = "usable";
    row["why"] = "";
    row["address"] = to_string(backend.address);
    row["port"] = nullptr;
    row["weight"] = backend.weight;
    row["configured_weight"] = backend.weight;
    row["share"] = 0.0078125;
    row["override"] = nullptr;
    for (const char* name :
         {"packets", "bytes", "new_flows", "opened", "completed", "retried", "lost", "reset",
          "retried_flows", "good", "bad", "server_resets", "zero_windows"}) {
      row[name] = 123'456'789;
    }
    row["responses"] = {{"asked", 3}, {"answered", 2}, {"unanswered", 1}};
    for (const char* name : {"packets_per_s", "bytes_per_s", "new_flows_per_s"}) {
      row[name] = 1'234.5;
    }
  }

  const Machine& machine_;
};

struct ManagedRoom {
  explicit ManagedRoom(const std::string& text = SmallText{}.text()) : machine(text) {}

  Managed managed() {
    return {.transaction = *machine.transaction,
            .archive = *machine.archive,
            .journal = *machine.journal,
            .views = views,
            .settings = api};
  }
  Outgoing ask(Role role, std::string_view method, std::string_view target,
               std::string_view body = "", const std::string& user = "anna") {
    Managed all = managed();
    return answer(all, machine.caller(user, role),
                  {.method = method, .target = target, .body = body});
  }

  Machine machine;
  SmallViews views{machine};
  ApiSettings api{};
};

}  // namespace evenkeel
