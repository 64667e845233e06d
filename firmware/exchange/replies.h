// What a plan knows of replies that come back through the box (mode nat): from which ports of which
// servers, in whose name, and by which way to the client.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "firmware/base/status.h"
#include "firmware/exchange/plan.h"
#include "firmware/exchange/spec.h"

namespace evenkeel {

// Refuses, by name, a service whose replies could not be told apart from another's: nothing but the
// server's address, protocol and port says whose they are. `numbers` are those of spec.services;
// what they make is that of the plan before, if it has said the same (null: there is none).
Result<std::shared_ptr<const ServerLookup>> make_servers(const PlanSpec& spec,
                                                         std::span<const uint16_t> numbers,
                                                         const Plan* before);

// The prefixes of spec.ways, each with its index there. Refuses a way that no frame could take.
Result<std::shared_ptr<const Prefixes>> make_way_numbers(const PlanSpec& spec, const Plan* before);

}  // namespace evenkeel
