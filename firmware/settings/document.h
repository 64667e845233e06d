// Settings text as a tree of keys and values, each with its place in the files: what libconfig
// makes of a source (source.h). Nothing here knows which keys there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "firmware/settings/source.h"

namespace evenkeel {

// A value, or many of them; lives as long as its document.
class Node {
 public:
  enum class Kind : uint8_t { group, list, integer, boolean, text, fraction };

  Kind kind() const;
  std::string_view name() const;  // of a group's member; else empty
  int64_t integer() const;        // REQUIRES: kind() is integer
  double fraction() const;        // REQUIRES: kind() is fraction
  bool boolean() const;           // REQUIRES: kind() is boolean
  std::string_view text() const;  // REQUIRES: kind() is text

  // Of a group or a list; anything else has nothing in it.
  size_t size() const;
  Node operator[](size_t index) const;  // REQUIRES: index < size()
  std::optional<Node> member(std::string_view name) const;

 private:
  friend class Document;
  explicit Node(const void* setting) : setting_(setting) {}

  const void* setting_;
};

class Document {
 public:
  explicit Document(Source source);
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // Why there is no tree; none: there is one.
  const std::vector<Mistake>& mistakes() const { return source_.mistakes; }
  // A group. REQUIRES: mistakes().empty()
  Node root() const;

  // Grows from the first node of the text to the last.
  unsigned position(const Node& node) const;
  // `what` is wrong there, with what `path` leads to.
  Mistake mistake(unsigned position, std::string path, std::string what) const;

 private:
  struct Tree;

  Source source_;
  std::unique_ptr<Tree> tree_;
};

}  // namespace evenkeel
