// Settings text with one key changed, and nothing else: comments and layout stay as their author
// has them. The text is what people review and what is archived, so it is edited where it stands
// and never written anew from the settings.
//
// A path is "services.shop.backends.web1.weight"; elements of lists go by name, which may stand in
// brackets, and must if it has dots in it: "services[shop.eu].mss". What the edited text means is
// for load.h to judge.
#pragma once

#include <string>
#include <string_view>

#include "firmware/base/status.h"

namespace evenkeel {

// `value` is as settings write it; of a key that is text, quotes may be left out: web1, 500ms. Of a
// group or a list it replaces the whole. What is missing on the way is made: a group, a list, or a
// list's element of the name that is given. Refused: text that is no settings text or has @include
// in it, a key that does not exist, a value that is not exactly one.
Result<std::string> set_in_text(std::string_view text, std::string_view path,
                                std::string_view value);

// Takes away a key, a group or a list's element, so that its default holds; a key that does not
// exist goes too, if it is in the text. A line that holds nothing else goes with it, with the
// comment at its end.
// Refused: text as above, and what is not in it.
Result<std::string> delete_in_text(std::string_view text, std::string_view path);

// A file of settings as one text: what it includes stands where @include stood.
Result<std::string> flatten_file(const std::string& path);

}  // namespace evenkeel
