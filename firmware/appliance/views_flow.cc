// The way of packets to their next hop, and of one flow through the box.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "firmware/appliance/views.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr size_t kNamesPerNeighbour = 8;

// What of packets for the kernel counts as a reason is no drop.
const char* verdict_of(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "forwarded";
    case Reason::no_service:
      return "kernel";
    default:
      return "dropped";
  }
}

std::string hexadecimal(uint64_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

// Of all workers.
const char* memory_text(const std::vector<Recollection>& memory) {
  if (std::ranges::any_of(memory, [](const Recollection& of) { return !of.backend.empty(); })) {
    return "remembered";
  }
  const bool is_known = !memory.empty() && std::ranges::all_of(memory, &Recollection::has_answered);
  return is_known ? "not-remembered" : "not-asked";
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

// "SERVICE/BACKEND", by the settings; null: it is not there.
const BackendSettings* find_backend(const Settings& settings, std::string_view full_name) {
  const size_t slash = full_name.find('/');
  const auto service =
      std::ranges::find(settings.services, full_name.substr(0, slash), &ServiceSettings::name);
  if (slash == std::string_view::npos || service == settings.services.end()) return nullptr;
  const auto backend =
      std::ranges::find(service->backends, full_name.substr(slash + 1), &BackendSettings::name);
  return backend == service->backends.end() ? nullptr : &*backend;
}

std::string because_of(const Diagnosis& diagnosis) {
  if (diagnosis.is_answered) {
    return "the box answers echo requests for its VIPs itself, however their backends are";
  }
  if (diagnosis.reason == Reason::no_service) {
    return "no service has this address, protocol and port: it is for the box's kernel";
  }
  if (diagnosis.reason != Reason::none) {
    const std::string whose = diagnosis.service.empty() ? "the packet is" : diagnosis.service;
    return whose + ": " + to_string(diagnosis.reason);
  }
  std::string text = diagnosis.established.because;
  if (diagnosis.established.reason == Reason::none && diagnosis.opening.backend.empty()) {
    return text + "; a new connection would be refused, for " + diagnosis.opening.because;
  }
  if (diagnosis.opening.backend != diagnosis.established.backend) {
    text += "; a new connection would go to " + diagnosis.opening.backend + ", for " +
            diagnosis.opening.because;
  }
  return text;
}

}  // namespace

json::object BoxViews::next_hop(const Address& destination, json::storage_ptr storage) const {
  const NextHop hop = control_.next_hop(destination);
  json::object row(std::move(storage));
  row["address"] = to_string(hop.resolved ? hop.gateway : destination);
  row["port"] = hop.resolved ? control_.settings().ports[hop.port].name : "";
  row["mac"] = hop.resolved ? to_string(hop.destination) : "";
  row["state"] = hop.resolved ? "reachable" : "down";
  return row;
}

// By the address of the neighbour, or of the backend that has none.
json::array BoxViews::neighbours(json::storage_ptr storage) const {
  std::map<std::string, json::object> by_address;
  const Settings& settings = control_.settings();
  for (const ServiceSettings& service : settings.services) {
    for (const BackendSettings& backend : service.backends) {
      json::object row = next_hop(backend.address, storage);
      json::object& known = by_address[std::string(row["address"].as_string())];
      if (known.empty()) {
        row["used_by"].emplace_array();
        known = std::move(row);
      }
      json::array& used_by = known["used_by"].as_array();
      if (used_by.size() < kNamesPerNeighbour) {
        used_by.emplace_back(service.name + "/" + backend.name);
      }
    }
  }
  json::array rows(storage);
  for (auto& [address, row] : by_address) rows.push_back(std::move(row));
  return rows;
}

Result<json::object> BoxViews::why(const FlowQuestion& flow, const Settings* settings,
                                   json::storage_ptr storage) const {
  const FlowKey key{.source = flow.source,
                    .destination = flow.vip,
                    .source_port = flow.source_port,
                    .destination_port = flow.port,
                    .protocol = static_cast<uint8_t>(flow.protocol)};
  json::object answer(std::move(storage));
  if (settings == nullptr) {
    const auto remembered = control_.recollect(memory_hash(secret_, key));
    tell(diagnose(control_.plan(), secret_, key, remembered, tick_of(now())), control_.settings(),
         answer);
    return answer;
  }
  const Result<Preview> preview = control_.preview(std::make_shared<const Settings>(*settings));
  if (!preview.ok()) return Error{preview.message()};
  const Plan& plan = *preview.value().plan;
  tell(diagnose(plan, secret_, key, {}, tick_of(now())), *settings, answer);
  return answer;
}

void BoxViews::tell(const Diagnosis& diagnosis, const Settings& settings,
                    json::object& ret_answer) const {
  const bool has_bucket = diagnosis.reason == Reason::none && !diagnosis.is_answered;
  const Reason reason = has_bucket ? diagnosis.established.reason : diagnosis.reason;
  const auto if_any = [has_bucket](const auto& value) {
    return has_bucket ? json::value(value) : json::value(nullptr);
  };
  ret_answer["verdict"] = diagnosis.is_answered ? "answered" : verdict_of(reason);
  ret_answer["because"] = because_of(diagnosis);
  ret_answer["reason"] =
      reason == Reason::none ? json::value(nullptr) : json::value(to_string(reason));
  ret_answer["service"] = text_or_null(diagnosis.service);
  ret_answer["hash"] = if_any(hexadecimal(diagnosis.hash));
  ret_answer["bucket"] = if_any(diagnosis.bucket);
  ret_answer["arm"] = nullptr;
  ret_answer["moved"] = if_any(!diagnosis.previous.empty());
  ret_answer["memory"] = if_any(memory_text(diagnosis.memory));
  ret_answer["current"] = text_or_null(diagnosis.current);
  ret_answer["previous"] = text_or_null(diagnosis.previous);
  ret_answer["backend"] = text_or_null(diagnosis.established.backend);
  ret_answer["mode"] = text_or_null(diagnosis.mode);
  ret_answer["address"] = nullptr;
  ret_answer["next_hop"] = nullptr;
  const BackendSettings* const backend = find_backend(settings, diagnosis.established.backend);
  if (has_bucket && backend != nullptr) {
    ret_answer["address"] = to_string(backend->address);
    ret_answer["next_hop"] = next_hop(backend->address, ret_answer.storage());
  }
  json::array& headers = ret_answer["headers"].emplace_array();
  for (const HeaderText& header : diagnosis.headers) {
    headers.push_back({{"name", header.name}, {"text", header.text}});
  }
}

}  // namespace evenkeel
