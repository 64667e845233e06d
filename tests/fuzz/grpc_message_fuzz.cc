// Any bytes as if from a gRPC server: they are a status or none, and one that says more than
// nothing has a field.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/health/grpc_message.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto status = grpc_serving_status(bytes);
  if (!status) return 0;
  CHECK(size >= 5 && data[0] == 0);
  CHECK(*status == ServingStatus::unknown || size >= 7);
  CHECK(name_of(*status) != nullptr);
  return 0;
}
