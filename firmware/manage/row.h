// Rows of a long list, one after the other in the same object. Their fields come in the same order
// each time, so each is found where it was the time before: looking all of them up by their names
// would be half of the time that a list takes.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serializer.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace evenkeel {

// Adds one value or object as JSON; the serializer is one for all rows.
template <typename Value>
void write_json(const Value& value, boost::json::serializer& serializer, std::string& ret_text) {
  std::array<char, 1'024> room;  // at a time; most rows are shorter
  serializer.reset(&value);
  while (!serializer.done()) ret_text += serializer.read(room.data(), room.size());
}

// Of a field that was there before; looks it up if it has moved. Null: there is none.
inline const boost::json::value* find_field(const boost::json::object& row, std::string_view name,
                                            size_t& place) {
  if (place >= row.size() || (row.begin() + place)->key() != name) {
    const auto* const found = row.find(name);
    if (found == row.end()) return nullptr;
    place = static_cast<size_t>(found - row.begin());
  }
  return &(row.begin() + place)->value();
}

class Row {
 public:
  // The next row: the same fields are set again.
  void begin() { next_ = 0; }
  boost::json::value& operator[](std::string_view name) {
    const bool is_there = next_ < row_.size() && (row_.begin() + next_)->key() == name;
    boost::json::value& value = is_there ? (row_.begin() + next_)->value() : row_[name];
    ++next_;
    return value;
  }
  const boost::json::object& object() const { return row_; }

 private:
  boost::json::object row_;
  size_t next_ = 0;
};

}  // namespace evenkeel
