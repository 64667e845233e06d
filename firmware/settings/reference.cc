#include "firmware/settings/reference.h"

#include <string_view>
#include <vector>

#include "firmware/base/limits.h"
#include "firmware/settings/keys.h"

namespace evenkeel {
namespace {

constexpr std::string_view kIntroduction = R"(# Settings

`keeld` is told what to do by one file of settings, `/etc/evenkeel/evenkeel.conf` unless another is
named. [two-ports.conf](two-ports.conf) is an example to begin with.

```
name = "lb1";                            # a key and its value; comments begin with #, // or /*
cpu = { control = 0; workers = [1]; };   # a group { } has keys of its own
ports = (                                # a list ( ) of groups
  { name = "wan"; device = "0000:03:00.0"; addresses = ["192.0.2.2/24"]; }
);
@include "services.conf"                 # another file, named from the folder of this one
```

Lists of plain values may be written [ ] or ( ). Times are a number and its unit, as "300ms", "90s",
"5m" or "7d"; sizes are bytes, or a number and k, m or g, as "64k".
The order of keys has no meaning; the order of
`ports` numbers them. A key that does not exist, a value that is not allowed, a key that has no
effect in its service's mode: every mistake of all files is told at once, each with its line, and
nothing is changed until there is none. What needs a restart, a running box refuses by name;
[the handbook](../tools/README.md) says how to change it nevertheless.

This file is written from the table that `keeld` reads settings by
(`firmware/settings/keys.cc`), as are the completion of `keel` and the JSON schema of the API.
After a change there:
`REGENERATE=1 meson test -C BUILD settings/reference`.
)";

std::string default_of(const Key& key) {
  if (key.is_required) return "required";
  if (key.form == Form::group) return key.is_list ? "none" : "";
  const std::vector<Value> values = key.field.defaults();
  if (!key.is_list && (values.empty() || (!key.none.empty() && key.form != Form::choice))) {
    return std::string(key.none);
  }
  std::string text;
  for (const Value& value : values) text += (text.empty() ? "" : ", ") + to_text(key, value);
  return key.is_list ? (text.empty() ? "none" : "`[" + text + "]`") : "`" + text + "`";
}

std::string meaning_of(const Key& key, bool needs_restart) {
  std::string text(key.help);
  if (needs_restart && key.form != Form::group) text += " Needs a restart.";
  if (key.modes != kAllModes) text += " In modes: " + to_text(key.modes) + ".";
  if (key.checks != kAllCheckTypes) text += " Of types: " + check_types_text(key.checks) + ".";
  return text;
}

// Outer groups come before the groups in them.
void add_group(std::string& text, const std::string& title, std::span<const Key> keys,
               bool needs_restart) {
  text += "\n## " + title +
          "\n\n| key | allowed | default | meaning | since |\n|---|---|---|---|---|\n";
  for (const Key& key : keys) {
    text += "| `" + std::string(key.name) + "` | " + allowed(key) + " | " + default_of(key) +
            " | " + meaning_of(key, needs_restart || key.needs_restart) + " | " +
            std::string(key.since) + " |\n";
  }
  for (const Key& key : keys) {
    if (key.form != Form::group) continue;
    const std::string name = std::string(key.name) + (key.is_list ? "[ ]" : "");
    add_group(text,
              title.starts_with('`') ? title.substr(0, title.size() - 1) + "." + name + "`"
                                     : "`" + name + "`",
              key.members, needs_restart || key.needs_restart);
  }
}

}  // namespace

std::string reference() {
  std::string text(kIntroduction);
  add_group(text, "Outermost", settings_keys(), false);
  return text;
}

}  // namespace evenkeel
