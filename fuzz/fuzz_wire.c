/* The plan blob: what wire_plan_check passes can be read at every offset without leaving the blob. */
#include <wire/wire.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *blob = malloc(size + !size); /* aligned, and exact for the sanitizer */
    const struct wire_plan *plan = (const struct wire_plan *)(const void *)blob;
    volatile size_t sum = 0;

    memcpy(blob, data, size);
    if (wire_plan_check(blob, size) == 0)
        for (uint32_t i = 0; i < plan->n_ops; i++) {
            const struct wire_op *op = (const struct wire_op *)(const void *)(blob + plan->ops) + i;

            for (int t = 0; t < 4; t++)
                sum += strlen(blob + op->text[t]);
            for (uint32_t at = 0; at < op->data_length; at++)
                sum += (unsigned char)blob[op->data + at];
            sum += strlen(wire_op_name(op->kind));
        }
    free(blob);
    return 0;
}
