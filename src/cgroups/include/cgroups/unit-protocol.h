/* What the library and its helper for systemd say to each other. The helper (systemd/, libcontainer-systemd) is a program of its
 * own, so that nobody else has to load the library for D-Bus; it is descriptor 3 of the helper, a SOCK_SEQPACKET pair.
 *
 * One packet is one message: lines of text. To a request comes one answer, "ok" with its lines or "error"; before that, any
 * number of "call", which name what the helper waits for now: so whoever loses patience can say so. The end of the socket
 * ends the helper.
 *
 *     open ADDRESS               ok PROTOCOL, GROUP   connects; GROUP is the manager's own control group, "" for the root
 *     start UNIT PROPERTY...     ok GROUP [there]     a transient unit, and its control group; "there": a slice that ran already
 *     keep                       ok                   a slice that was made: else it goes with the helper, as a scope does by itself
 *     attach UNIT PID            ok                   moves a process into a unit that runs
 *     set UNIT PROPERTY...       ok                   until the unit ends
 *     undo                       ok                   what the last "set" has changed
 *     stop UNIT DESCRIPTION      ok [foreign]         kills and stops the unit, if it is there and has this description
 *                                error ERRNO CALL TEXT
 *
 * A PROPERTY is one line, its parts separated by tabs: name, D-Bus type, items. */
#ifndef CGROUPS_UNIT_PROTOCOL_H
#define CGROUPS_UNIT_PROTOCOL_H

#include <stddef.h>

#define UNIT_PROTOCOL "1"
#define UNIT_SOCKET 3
#define UNIT_PACKET_MAX ((size_t)160 * 1024)

#endif
