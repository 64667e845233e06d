// From text to settings: everything that is wrong with the text is found at once, so that mending
// it takes one look, and not one per mistake.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firmware/settings/settings.h"
#include "firmware/settings/source.h"

namespace evenkeel {

struct Loaded {
  Settings settings;              // to be used if ok()
  std::vector<Mistake> mistakes;  // in the order of the text, as far as they have a place in it

  bool ok() const { return mistakes.empty(); }
  // All mistakes, a line each.
  std::string message() const;
};

// `@include "other.conf"` takes in another file, named from the folder of the one it stands in.
Loaded load_settings_file(const std::string& path);
// `name` is what messages call the text; what it includes is named from the working directory.
Loaded load_settings_text(std::string_view text, const std::string& name);

}  // namespace evenkeel
