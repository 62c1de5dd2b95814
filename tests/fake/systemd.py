"""A systemd that only says so, on a bus of its own: systemd.py DIRECTORY.

DIRECTORY/bus is the bus; DIRECTORY/calls gets a line of JSON per call; DIRECTORY/behaviour is read at each call: a JSON object with
"root" (the manager's control group), "start" (done, failed, silent, exists), "state" and "description" (of a unit that exists) and
"group" (where a unit is said to be).
"""
import json
import os
import signal
import subprocess
import sys

import dbus
import dbus.bus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, ROOT = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
MANAGER = NAME + ".Manager"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""
directory = sys.argv[1]
units = {}


def plain(value):
    """Without D-Bus's types."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return bool(value) if isinstance(value, (bool, dbus.Boolean)) else int(value)


def note(method, *arguments):
    with open(os.path.join(directory, "calls"), "a", encoding="utf-8") as file:
        file.write(json.dumps([method, *arguments]) + "\n")


def behaviour():
    with open(os.path.join(directory, "behaviour"), encoding="utf-8") as file:
        return json.load(file)


def no_such_unit(name):
    return dbus.DBusException(f"Unit {name} not loaded.", name=NAME + ".NoSuchUnit")


def place(name, properties):
    """Where the unit is, for the two levels of slices that the tests have."""
    return behaviour().get("group") or f"{behaviour()['root']}/{properties.get('Slice', '')}/{name}"


def left(name):
    """Whoever began the scope has gone: with nobody else in it, it ends."""
    if name.endswith(".scope") and name in units and not units[name]["processes"]:
        del units[name]


class Units(dbus.service.FallbackObject):
    SUPPORTS_MULTIPLE_OBJECT_PATHS = True

    @dbus.service.method("org.freedesktop.DBus.Properties", "ss", "v", path_keyword="path")
    def Get(self, interface, name, path):
        escaped = path.rsplit("/", 1)[1].split("_")
        unit = units.get(escaped[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in escaped[1:]), {})
        note("Get", str(interface).rsplit(".", maxsplit=1)[-1], str(name))
        if name not in unit:
            return {"ActiveState": "inactive", "Result": "success"}.get(name, "")
        return unit[name]


class Manager(dbus.service.Object):
    jobs = 0

    def job(self, name, result):
        self.jobs += 1
        path = dbus.ObjectPath(f"{ROOT}/job/{self.jobs}")
        GLib.idle_add(self.JobRemoved, self.jobs, path, name, result)
        return path

    @dbus.service.signal(MANAGER, "uoss")
    def JobRemoved(self, number, path, unit, result):
        pass

    @dbus.service.method("org.freedesktop.DBus.Properties", "ss", "v")
    def Get(self, interface, name):
        assert (interface, name) == (MANAGER, "ControlGroup")
        return behaviour()["root"]

    @dbus.service.method(MANAGER)
    def Subscribe(self):
        note("Subscribe")

    @dbus.service.method(MANAGER, "ssa(sv)a(sa(sv))", "o", async_callbacks=("good", "bad"),
                         sender_keyword="sender")
    def StartTransientUnit(self, name, mode, properties, others, good, bad, sender):
        given = {}
        for key, value in properties:
            given.setdefault(str(key), value)
        note("StartTransientUnit", name, mode, [[str(key), plain(value)] for key, value in properties], plain(others))
        what = behaviour()["start"]
        if what == "exists" and name not in units:
            units[name] = {"ActiveState": behaviour()["state"], "Description": "somebody else's"}
        if what == "silent":
            return
        if name in units:
            bad(dbus.DBusException(f"Unit {name} was already loaded.", name=NAME + ".UnitExists"))
            return
        units[name] = {**given, "ActiveState": "active", "ControlGroup": place(name, given), "processes": []}
        self.connection.watch_name_owner(sender, lambda owner: owner or left(name))
        if what == "failed":
            units[name].update(ActiveState="failed", Result="resources")
        good(self.job(name, "failed" if what == "failed" else "done"))

    @dbus.service.method(MANAGER, "s", "o")
    def GetUnit(self, name):
        note("GetUnit", name)
        if name not in units:
            raise no_such_unit(name)
        return dbus.ObjectPath(ROOT + "/unit/any")

    @dbus.service.method(MANAGER, "ss", "o")
    def StopUnit(self, name, mode):
        note("StopUnit", name, mode)
        if units.pop(name, None) is None:
            raise no_such_unit(name)
        return self.job(name, "done")

    @dbus.service.method(MANAGER, "ssi")
    def KillUnit(self, name, who, number):
        note("KillUnit", name, who, int(number))
        for pid in units[name]["processes"]:
            os.kill(pid, signal.SIGKILL)

    @dbus.service.method(MANAGER, "s")
    def ResetFailedUnit(self, name):
        note("ResetFailedUnit", name)
        if units.get(name, {}).get("ActiveState") == "failed":
            del units[name]

    @dbus.service.method(MANAGER, "ssau")
    def AttachProcessesToUnit(self, name, below, pids):
        note("AttachProcessesToUnit", name, below, plain(pids))
        units[name]["processes"] += plain(pids)

    @dbus.service.method(MANAGER, "sba(sv)")
    def SetUnitProperties(self, name, runtime, properties):
        note("SetUnitProperties", name, bool(runtime), [[str(key), plain(value)] for key, value in properties])
        units[name].update({str(key): value for key, value in properties})


def main():
    address = os.path.join(directory, "bus")
    with open(os.path.join(directory, "bus.conf"), "w", encoding="utf-8") as file:
        file.write(CONFIG.format(address))
    with subprocess.Popen(["dbus-daemon", "--nofork", "--nopidfile", "--config-file", file.name, "--print-address"],
                          stdout=subprocess.PIPE) as daemon:
        try:
            daemon.stdout.readline()
            dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
            bus = dbus.bus.BusConnection("unix:path=" + address)
            bus.request_name(NAME)
            Manager(bus, ROOT)
            Units(bus, ROOT + "/unit")
            print("ready", flush=True)
            loop = GLib.MainLoop()
            GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, loop.quit)
            loop.run()
        finally:
            daemon.terminate()


main()
