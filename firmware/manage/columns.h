// A list of objects as a table: of each row the values of some fields, and no names. Who reads tens
// of thousands of rows has a third to read so.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/serializer.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/status.h"

namespace evenkeel {

class Columns {
 public:
  // Fields of a component (answers.h) with commas between; of one that is itself a component, the
  // inner's after a slash: "name,responses/asked". An error names the one that there is not.
  // REQUIRES: there is a component of that name.
  static Result<Columns> parse(std::string_view text, std::string_view component);

  // As a JSON list, each with its slash.
  std::string names() const;
  // Adds the row as a JSON list: null where the outer field is.
  void write(const boost::json::object& row, boost::json::serializer& serializer,
             std::string& ret_text);

 private:
  struct Column {
    std::string outer;
    std::string inner;  // empty: none
    size_t place = 0;   // in the last row
    size_t inner_place = 0;
  };

  std::vector<Column> columns_;
};

}  // namespace evenkeel
