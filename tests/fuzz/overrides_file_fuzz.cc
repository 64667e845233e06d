// Any bytes as the file of overrides: read as a whole or refused by a sentence; and what is read is
// within every limit and is read again as it was written.
#include <cstddef>
#include <cstdint>
#include <string>

#include "firmware/base/check.h"
#include "firmware/change/overrides_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  const Result<OverridesFile> read = read_overrides({reinterpret_cast<const char*>(data), size});
  if (!read.ok()) {
    CHECK(!read.message().empty());
    return 0;
  }
  for (const Override& each : read.value().overrides) CHECK(check_override(each.request).ok());
  const std::string written = write_overrides(read.value());
  const Result<OverridesFile> again = read_overrides(written);
  CHECK(again.ok() && write_overrides(again.value()) == written);
  return 0;
}
