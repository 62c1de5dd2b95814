/* Files that the command line names. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

/* A whole file, "-" being standard input; NUL-terminated, to be freed. 0 or -errno */
int file_read(const char *path, char **ret_text);

#endif
