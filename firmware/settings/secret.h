// The key of the flow hash, in a file of its own: never in the settings, so that they can be shown
// and kept in an archive. Whoever knows it can aim flows at one backend; a box with another one
// steers otherwise. So it is made once, and an odd one is refused rather than replaced.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firmware/base/status.h"

namespace evenkeel {

struct KeptSecret {
  std::vector<uint8_t> bytes;
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
  std::string trouble{};  // why it may not be there at the next start; empty: it will be
};

// What is in the file; if there is none, it is made, with 32 random bytes, and is on the disk
// before this returns, unless the disk fails: whoever starts then goes on with what is in memory.
// Refused: a file that others than its owner can read or write, or that belongs to somebody else
// than root and this process, what is not a regular file, fewer than kMinSecret bytes or more than
// kMaxSecret, a folder that is not there.
Result<KeptSecret> read_or_make_secret(const std::string& path);

}  // namespace evenkeel
