// Answers dpdk-telemetry.py, through DPDK's own telemetry socket.
//
// DPDK 22.11 cuts an answer off without a word where it exceeds 16 KiB of JSON, 256 fields of an
// object, or 127 bytes of a string; it knows neither objects in lists nor names of other than
// letters, digits, '_' and '/'. Here lists of objects are served in pages, a long string becomes a
// list of its pieces, and what is too much all the same becomes an error that says so.
//
// A command cannot be taken back in 22.11: once this object is gone, its commands answer null.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "firmware/base/status.h"

namespace evenkeel {

struct TelemetryField;
using TelemetryFields = std::vector<TelemetryField>;
using TelemetryValue = std::variant<uint64_t, std::string, std::vector<uint64_t>,
                                    std::vector<std::string>, TelemetryFields>;
struct TelemetryField {
  std::string name;  // letters, digits, '_' and '/'; anything else becomes '_'
  TelemetryValue value;
};

// One page of a list, to be filled by whoever has the list:
//   page.set_total(n);
//   for (size_t i = page.first(); i < n && page.add(std::to_string(i), fields(i)); ++i) {}
class TelemetryPage {
 public:
  explicit TelemetryPage(size_t first = 0);

  size_t first() const { return first_; }
  // Entries of the whole list.
  void set_total(size_t total) { total_ = total; }
  // `name` is the entry's number. False: the page is full, and the next one begins with this.
  bool add(std::string name, TelemetryFields entry);

  // {"total": 512, "next": "48", "entries": {"0": {...}, ...}}; on the last page there is no next.
  TelemetryFields fields() const;

 private:
  size_t first_;
  size_t room_;  // bytes of JSON left
  size_t total_ = 0;
  std::string next_;  // "": this is the last page
  TelemetryFields entries_;
};

class Telemetry {
 public:
  // Both run on threads of DPDK's, one at a time. They are given what follows the command's name:
  // of "/evenkeel/port,wan", "wan"; if nothing does, "".
  using Answer = std::function<Result<TelemetryFields>(std::string_view parameter)>;
  using List = std::function<Status(std::string_view parameter, TelemetryPage& page)>;

  // REQUIRES: there is no other.
  Telemetry();
  // Waits for an answer under way.
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

  // REQUIRES: path is of letters, digits, '_' and '/', at most 55; help has at most 127 bytes.
  void add(const std::string& path, const std::string& help, Answer answer);
  // "/evenkeel/services" is the first page, "/evenkeel/services,48" that from entry 48 on;
  // "/evenkeel/backends,shop,48" has the parameter "shop".
  void add_list(const std::string& path, const std::string& help, List list);
};

}  // namespace evenkeel
