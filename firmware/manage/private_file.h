// Files that only the box may read: tokens and TLS keys. One that anybody else could have read or
// written is refused, not used.
#pragma once

#include <string>
#include <string_view>

#include "firmware/base/status.h"

namespace evenkeel {

// All of it. `what` is what messages call it: "token file". Refused: a file that others than its
// owner may read or write, that belongs to somebody else than root and this process, that is no
// regular file, or that has more than `most` bytes.
Result<std::string> read_private_file(std::string_view what, const std::string& path, size_t most);

}  // namespace evenkeel
