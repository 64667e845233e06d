// Who may look from afar without a client certificate: whoever brings one of the tokens of a file.
// A line of it is `NAME ROLE TOKEN`; empty ones and those that begin with # are comments. The role
// is "viewer", for that is all that anybody may do from afar.
//
// The file is read when it is needed, so that a token that is taken out of it is of no use at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/status.h"

namespace evenkeel {

struct Token {
  std::string name;
  std::string secret;
};

// An error names the file and the line, and nothing that is secret.
Result<std::vector<Token>> read_tokens(const std::string& path);

// Whose token it is; empty: nobody's. Takes as long whichever byte is wrong.
std::string owner_of(std::string_view secret, const std::vector<Token>& tokens);

}  // namespace evenkeel
