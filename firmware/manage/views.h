// What the API shows of the box at work. The appliance knows it and implements this; the API only
// asks. What a row of each list has in it is written down once, in answers.cc, where the served
// OpenAPI document has it from too: each function here names its component there.
//
// Lists are whole, in the order of the settings, and made in time linear in their length. Values
// are to be made in the storage that is passed in, which frees them all at once.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <cstdint>
#include <functional>
#include <string_view>

#include "firmware/base/address.h"
#include "firmware/base/status.h"
#include "firmware/manage/exposition.h"
#include "firmware/settings/settings.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

// A flow, as a client's packet would have it; of ICMP, its echo requests.
struct FlowQuestion {
  Protocol protocol = Protocol::tcp;
  Address source;
  uint16_t source_port = 0;
  Address vip;
  uint16_t port = 0;
};

// Takes what it is given at once.
using RowSink = std::function<void(const boost::json::object& row)>;

class Views {
 public:
  Views() = default;
  virtual ~Views() = default;
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  // "Box": what the box says of itself; the API adds what it knows of the change.
  virtual boost::json::object status(boost::json::storage_ptr storage) const = 0;
  // Rows "Service".
  virtual boost::json::array services(boost::json::storage_ptr storage) const = 0;
  // Rows "Backend", of one service or (empty) of all, one after the other: 65,535 of them as one
  // value would be 130 MB, and take longer to have than to write. One object may be used for all of
  // them. An error: there is no service of that name, and there was no row.
  virtual Status backends(std::string_view service, const RowSink& row) const = 0;
  // Rows "Health": the same of what is held of them.
  virtual Status health(std::string_view service, const RowSink& row) const = 0;
  // Rows "Worker".
  virtual boost::json::array workers(boost::json::storage_ptr storage) const = 0;
  // Rows "Port".
  virtual boost::json::array ports(boost::json::storage_ptr storage) const = 0;
  // Rows "Neighbour".
  virtual boost::json::array neighbours(boost::json::storage_ptr storage) const = 0;
  // Rows "Drop": every reason, the most packets first.
  virtual boost::json::array drops(boost::json::storage_ptr storage) const = 0;

  // Rows "Query".
  virtual boost::json::array queries(boost::json::storage_ptr storage) const = 0;

  // The box at work as metrics: services, backends, workers, ports and drops.
  virtual void metrics(Exposition& ret_page) const = 0;

  // "Why": where a flow goes and how that comes about; with other settings than those in force
  // (not null), where it would go as the world is now, flow memory left aside.
  virtual Result<boost::json::object> why(const FlowQuestion& flow, const Settings* settings,
                                          boost::json::storage_ptr storage) const = 0;
};

}  // namespace evenkeel
