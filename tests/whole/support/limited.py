"""A container with limits, made from container.json or from config.json: the tests of limits are the same for both."""
import json
import os

from . import leftovers, proc, rootfs
from .wait import wait_until


MIB = 1 << 20
PIDS = ({"pids_limit": 20}, {"pids": {"limit": 20}})


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def memory(mib):
    """That much, and no swap, where the host counts any: by container.json and by config.json."""
    for point, controllers in leftovers.hierarchies().items():
        if "memory" in controllers and not os.path.exists(point + "/cgroup.controllers") and not os.path.exists(
                point + "/memory.memsw.limit_in_bytes"):
            return {"memory": mib * MIB}, {"memory": {"limit": mib * MIB}}
    return {"memory": mib * MIB, "memory_swap": mib * MIB}, {"memory": {"limit": mib * MIB, "swap": mib * MIB}}


def is_v2(controller):
    return any(controller in controllers and os.path.exists(point + "/cgroup.controllers")
               for point, controllers in leftovers.hierarchies().items())


def forked(result):
    """How often, until the limit. One that has made the joining process may still be on its way out."""
    assert "Resource temporarily unavailable" in result.out, result
    return int(result.out.split()[0])


class Limited:
    """limit() takes the keys of either format. Programs come from the tools and lie in /bin."""

    def __init__(self, kind, tool, root):
        self.kind, self.tool, self.root = kind, tool, root

    def add(self, name):
        with open(self.tool(name), "rb") as file:
            rootfs.write(os.path.join(self.root, "bin", name), file.read(), 0o755)

    def group(self, controller):
        """The directory of the container's group, and whether it is one of v2."""
        for point, controllers in leftovers.hierarchies().items():
            path = point + self.path
            if controller in controllers and os.path.isdir(path):
                return path, os.path.exists(os.path.join(point, "cgroup.controllers"))
        raise AssertionError(f"no group of {controller} at {self.path}")

    def file(self, controller, v1, v2):
        path, is_v2 = self.group(controller)
        return read(os.path.join(path, v2 if is_v2 else v1))

    def inmates(self):
        """Every process of the container's pid namespace, by the namespace; some are gone when one looks again."""
        wanted, found = os.readlink(f"/proc/{self.pid()}/ns/pid"), []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.readlink(f"/proc/{name}/ns/pid") == wanted:
                    found.append(int(name))
            except OSError:
                pass
        return found

    def cpu_seconds(self):
        """CPU time that the living processes of the container have used."""
        return sum(int(read(f"/proc/{pid}/schedstat").split()[0]) for pid in self.inmates()) / 1e9


class ByContainerJson(Limited):
    def __init__(self, box, tool, parent):
        super().__init__("container.json", tool, box.rootfs)
        self.box, self.path = box, f"/{parent}/limited"
        box.rootfs_may_change = True
        box.config["cgroups"] = {"parent": parent, "name": "limited"}
        self.running = None

    def limit(self, keys, _resources):
        self.box.config["cgroups"].update(keys)

    def devices(self, *nodes):
        self.box.config["devices"] = [dict(zip(("path", "type", "major", "minor"), node)) for node in nodes]

    def run(self, *command, **options):
        return self.box.exec(*command, **options)

    def start(self, *command):
        self.running = self.box.spawn(*command)
        wait_until(lambda: os.path.exists(self.box.path("pid")) and proc.command_line(self.pid()).startswith(command[0]),
                   what=f"a process {command[0]}")
        return self.running

    def join(self, *command, **options):
        return self.box.exec(*command, **options)

    def join_in_background(self, *command):
        self.box.spawn(*command)

    def update(self, keys, _resources):
        path = os.path.join(self.box.logs, "update.json")
        rootfs.write(path, json.dumps(keys))
        return self.box.nsinit_run("update", "-r", path)

    def status(self):
        return self.box.state()["status"]

    def refused(self, *words):
        return self.box.refused(*words)

    def pid(self):
        return self.box.live_pid()

    def stop(self):
        self.box.stop_all()


class ByConfigJson(Limited):
    def __init__(self, bundle, tool):
        super().__init__("config.json", tool, bundle.rootfs)
        self.bundle, self.path = bundle, "/" + bundle.name

    def limit(self, _keys, resources):
        self.bundle.linux["resources"].update(resources)

    def devices(self, *nodes):
        self.bundle.linux["devices"] = [dict(zip(("path", "type", "major", "minor"), node)) for node in nodes]
        self.bundle.linux["resources"].setdefault("devices", []).extend(
            {"allow": True, "type": kind, "major": major, "minor": minor, "access": "rwm"}
            for _, kind, major, minor in nodes)

    def run(self, *command, **options):
        self.bundle.process["args"] = list(command)
        return self.bundle.run(**options)

    def start(self, *command):
        self.bundle.process["args"] = list(command)
        return self.bundle.start()

    def join(self, *command, **options):
        return self.bundle("exec", self.bundle.name, *command, **options)

    def join_in_background(self, *command):
        self.bundle.spawn("exec", self.bundle.name, *command)

    def update(self, _keys, resources):
        path = os.path.join(self.bundle.logs, "update.json")
        rootfs.write(path, json.dumps(resources))
        return self.bundle("update", "-r", path, self.bundle.name)

    def status(self):
        return self.bundle.status()

    def refused(self, *words):
        return self.bundle.refused(*words)

    def pid(self):
        return self.bundle.pid()

    def stop(self):
        self.bundle.delete("--force")
