// What the archive writes around a generation's text, so that people and this program can read it:
// the message of a commit, a line of its notes, and the first line of the copy of the text.
//
//   Take web7 out for its new disk
//
//   Generation: 8
//   Base: 7
//   Waived: n-minus-1: the shop is closed tonight
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/status.h"
#include "firmware/change/archive.h"

namespace evenkeel {

// What is too long, or would not be read as it was written, is refused.
Status check_message(const Generation& generation);

// REQUIRES: check_message() is content.
std::string write_message(const Generation& generation);

// Fills in number, base, why and waivers; false: this is no generation's message.
bool read_message(std::string_view message, Generation& ret_generation);

// "2026-11-21T09:12:52Z anna: confirmed", in one line.
std::string write_note(std::string_view outcome, std::string_view who, WallTime when);

// The text with its number, time and checksum in a comment before it.
std::string write_copy(const Generation& generation);
// None: it is damaged.
std::optional<Generation> read_copy(std::string_view copy);

}  // namespace evenkeel
