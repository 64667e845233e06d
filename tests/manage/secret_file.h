// A file with what one proves oneself with, in a folder of a test.
#pragma once

#include <sys/stat.h>

#include <cstdio>
#include <string>

#include "firmware/base/check.h"
#include "tests/settings/files.h"

namespace evenkeel {

// For its owner's eyes only, and whole or not at all. Its path.
inline std::string write_secret(const Folder& folder, const std::string& name,
                                const std::string& text) {
  folder.write(name + ".new", text);
  CHECK(chmod(folder.path(name + ".new").c_str(), 0600) == 0);
  CHECK(std::rename(folder.path(name + ".new").c_str(), folder.path(name).c_str()) == 0);
  return folder.path(name);
}

}  // namespace evenkeel
