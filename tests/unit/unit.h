/* What every unit test needs: cmocka with the headers that it wants before it. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <base/util.h>

/* Fails the test when any row of a table was wrong, after all of them have been looked at. */
#define ASSERT_ROWS(wrong) assert_int_equal(wrong, 0)

/* Skips the test, in the form whose reason scripts/test repeats. */
#define SKIP_IF(condition, reason)                                                                           \
    do {                                                                                                     \
        if (condition) {                                                                                     \
            print_message("skipped: %s\n", reason);                                                          \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

#define NEED_ROOT() SKIP_IF(geteuid() != 0, "needs root")

#endif
