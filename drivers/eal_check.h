// What DPDK needs of the machine, looked at before DPDK does: it would answer what is missing with
// a page of log, and here it is one sentence with the command that mends it.
#pragma once

#include <string>

#include "drivers/eal.h"
#include "firmware/base/status.h"

namespace evenkeel {

struct Machine {
  std::string root;      // before every path; "" but for tests
  bool is_root = false;  // who runs this process
};

// The first thing that is missing. What a killed process of the same prefix has left behind -
// hugepage files, sockets - is removed on the way.
Status check_machine(const EalSpec& spec, const Machine& machine);

// Memory stays taken as long as there are files of it. REQUIRES: no process of that prefix, but
// perhaps this one, lives.
void remove_hugepage_files(const std::string& file_prefix, const Machine& machine);

}  // namespace evenkeel
