// CMocka needs these headers before its own, and C linkage. It makes a macro of fail, which streams
// have a member of.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <ios>

extern "C" {
#include <cmocka.h>
}
