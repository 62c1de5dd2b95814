#include <security/capabilities.h>

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#define CAPABILITY_LIMIT 64 /* the sets are 64 bits wide in all interfaces of the kernel */

int capabilities_last(void)
{
    int known = 0, unknown = CAPABILITY_LIMIT;

    if (prctl(PR_CAPBSET_READ, 0, 0, 0, 0) < 0)
        return -errno;
    while (unknown - known > 1) {
        int middle = (known + unknown) / 2;

        if (prctl(PR_CAPBSET_READ, middle, 0, 0, 0) < 0)
            unknown = middle;
        else
            known = middle;
    }
    return known;
}

int capabilities_bounding(uint64_t *ret)
{
    uint64_t set = 0;

    for (int i = 0; i < CAPABILITY_LIMIT; i++) {
        int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

        if (has < 0 && i == 0)
            return -errno;
        if (has < 0)
            break;
        if (has > 0)
            set |= UINT64_C(1) << i;
    }
    *ret = set;
    return 0;
}

char *capability_name(int capability)
{
    char *name = cap_to_name(capability), *copy;

    if (name == NULL)
        return NULL;
    copy = strdup(name);
    (void)cap_free(name);
    for (char *c = copy; c != NULL && *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    }
    return copy;
}
