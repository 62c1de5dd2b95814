/* Properties of systemd units that a configuration may set: an allow-list with types. Most of what systemd knows is not in it,
 * because it runs programs, takes other units up or down, or is for the driver to say. Pure. */
#ifndef CONFIG_UNIT_PROPERTIES_H
#define CONFIG_UNIT_PROPERTIES_H

#include <base/buffer.h>

#include <jansson.h>

#define UNIT_ANNOTATION "org.systemd.property." /* what such annotations of config.json begin with */

/* "NAME\tTYPE\tITEM..." (cgroups/unit-protocol.h), from a value of container.json, or from the text of an annotation, which is a
 * GVariant's: 'words', true, 10, uint64 10, ['a', 'b']. A name that ends in "Sec" takes seconds and stands for the property that
 * ends in "USec". 0, or -EPERM (not in the list) or -EINVAL, with the reason in *ret_why. */
int unit_property_from_json(const char *name, const json_t *json, struct buffer *out, const char **ret_why);
int unit_property_from_text(const char *name, const char *text, struct buffer *out, const char **ret_why);

#endif
