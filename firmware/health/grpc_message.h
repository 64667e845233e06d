// gRPC's health service (grpc.health.v1) on the wire: a request, and what an answer says, each with
// gRPC's five bytes before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace evenkeel {

// HealthCheckResponse.ServingStatus
enum class ServingStatus : uint8_t { unknown, serving, not_serving, service_unknown };

// "SERVING"
const char* name_of(ServingStatus status);

// A HealthCheckRequest.
// REQUIRES: a service of less than 16,384 bytes; empty: the whole server.
std::string grpc_health_request(std::string_view service);

// Of a HealthCheckResponse. None: it is not one.
std::optional<ServingStatus> grpc_serving_status(std::string_view message);

}  // namespace evenkeel
