// What dpdk-telemetry.py shows under /evenkeel/: the box as the control thread sees it.
#pragma once

#include <string_view>

#include "drivers/telemetry.h"
#include "firmware/appliance/control.h"
#include "firmware/base/status.h"

namespace evenkeel {

TelemetryFields describe_plan(const Control& control);
TelemetryFields describe_drops(const Control& control);
TelemetryFields describe_pool(const Control& control);
TelemetryFields describe_troubles(const Control& control);
Status list_services(const Control& control, std::string_view, TelemetryPage& page);
// Of one service, by name; refused if there is none of that name.
Status list_backends(const Control& control, std::string_view service, TelemetryPage& page);
Status list_workers(const Control& control, std::string_view, TelemetryPage& page);
Status list_ports(const Control& control, std::string_view, TelemetryPage& page);

}  // namespace evenkeel
