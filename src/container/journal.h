/* What our own calls do to a container, as lines of JSON beside its record: for those who watch it, and only while a watcher has
 * asked for it. Whoever does something opens the file without making it, so that nobody pays for what nobody reads. */
#ifndef CONTAINER_JOURNAL_H
#define CONTAINER_JOURNAL_H

#include "container.h"

#include <base/buffer.h>

/* "1970-01-01T00:00:00.000000000Z" */
#define TIME_TEXT_MAX 40
void time_text(char *out, size_t size);

/* "ID.events" in the state directory; runtime.h has that of OCI containers. */
void journal_name(const struct container *container, char *out, size_t size);
bool journal_is_read(const struct container *container);
void journal_remove(const struct container *container);
/* `data`: JSON, or NULL. Nothing happens where nobody reads. */
void journal_write(const struct container *container, const char *type, const char *data);
void journal_write_pid(const struct container *container, const char *type, pid_t pid);
/* {"status":137,"signal":9,"final":{...}}; what is not known is left out. */
char *exit_json(int status, const char *final);

#endif
