// The files that make a folder a bare git repository, besides objects and references: made, and
// mended when some are missing or damaged.
#pragma once

#include <string>
#include <vector>

#include "firmware/base/status.h"

namespace evenkeel {

// It appears whole or not at all, and takes the place of what is there, which is kept as
// PATH.damaged-1, -2 and so on. What a crash left of an earlier try is removed.
Status make_repository(const std::string& path);

// Removes what a crash left behind: locks and drafts. Makes folders and HEAD again that are not
// there or not understood, and says so in `ret_damage`.
void mend_repository(const std::string& path, std::vector<std::string>& ret_damage);

// Keeps a file of it that is damaged as NAME.damaged-1 and so on, and puts its default in its
// place, if it has one.
Status renew_file(const std::string& path, const std::string& name);

}  // namespace evenkeel
