#include "firmware/manage/tokens.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <optional>

#include "firmware/base/limits.h"
#include "firmware/manage/private_file.h"

namespace evenkeel {
namespace {

constexpr std::string_view kSpaces = " \t\r";

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const size_t begin = line.find_first_not_of(kSpaces);
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const size_t end = std::min(line.find_first_of(kSpaces), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// What is wrong with a line; empty: nothing.
std::string mistake_in(const std::vector<std::string>& words) {
  if (words.size() != 3) return "is not `NAME ROLE TOKEN`";
  if (words[1] != "viewer") return "does not have the role viewer: from afar one only looks";
  if (words[0].size() > kMaxWho || !is_printable(words[0])) {
    return "has a name that is too long or not printable";
  }
  if (words[2].size() < kMinToken || words[2].size() > kMaxToken || !is_printable(words[2])) {
    return "has a token that does not have " + std::to_string(kMinToken) + " to " +
           std::to_string(kMaxToken) + " printable bytes: make one with openssl rand -hex 32";
  }
  return {};
}

Error mistake_at(size_t line, const std::string& path, const std::string& mistake) {
  return Error{"line " + std::to_string(line) + " of the token file " + path + " " + mistake};
}

}  // namespace

Result<std::vector<Token>> read_tokens(const std::string& path) {
  const Result<std::string> text = read_private_file("token file", path, kMaxTokenFile);
  if (!text.ok()) return Error{text.message()};
  std::vector<Token> tokens;
  std::string_view rest = text.value();
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::vector<std::string> words = words_of(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (words.empty() || words[0].starts_with('#')) continue;
    if (const std::string mistake = mistake_in(words); !mistake.empty()) {
      return mistake_at(number, path, mistake);
    }
    tokens.push_back({.name = std::move(words[0]), .secret = std::move(words[2])});
  }
  return tokens;
}

std::string owner_of(std::string_view secret, const std::vector<Token>& tokens) {
  const Token* owner = nullptr;
  for (const Token& token : tokens) {
    const bool is_it = token.secret.size() == secret.size() &&
                       CRYPTO_memcmp(token.secret.data(), secret.data(), secret.size()) == 0;
    if (is_it) owner = &token;
  }
  return owner != nullptr ? owner->name : "";
}

}  // namespace evenkeel
