// The control thread's event loop, by name alone: who only passes it on does not read all of Asio.
#pragma once

// NOLINTBEGIN(readability-identifier-naming): Boost's.
namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio
// NOLINTEND(readability-identifier-naming)
