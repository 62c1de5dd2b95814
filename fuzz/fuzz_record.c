/* The record in the state directory: what is taken is written and read again without a change. */
#include "../src/container/container.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct container container, again;
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    if (record_parse(text, &container.record) == 0) {
        char *first = record_format(&container, NULL), *second = NULL;

        if (record_parse(first, &again.record) != 0)
            abort();
        second = record_format(&again, NULL);
        if (strcmp(first, second) != 0)
            abort();
        free(first);
        free(second);
    }
    record_done(&container.record);
    record_done(&again.record);
    free(text);
    return 0;
}
