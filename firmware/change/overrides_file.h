// The text of the file that overrides are kept in: JSON, which an operator can read. Whatever is
// not as it was written here is refused as a whole: half of the drains is worse than a question.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/status.h"
#include "firmware/change/overrides.h"

namespace evenkeel {

// Bytes that the file has at most.
inline constexpr size_t kMaxOverridesFile = 16u << 20;

struct OverridesFile {
  uint64_t next_id = 1;
  std::vector<Override> overrides;  // without Override::ends_at
};

std::string write_overrides(const OverridesFile& file);
Result<OverridesFile> read_overrides(std::string_view text);

// Names, limits and reasons, of what is asked for and of what is read alike.
Status check_override(const OverrideRequest& request);

}  // namespace evenkeel
