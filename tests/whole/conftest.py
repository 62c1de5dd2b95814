"""Fixtures of the whole-program tests. `pytest tests/whole`, as root; NSINIT names another binary."""
import os
import shutil
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True

from support import isolation, leftovers, rootfs  # noqa: E402
from support.bundle import Bundle  # noqa: E402
from support.container import Container  # noqa: E402
from support.limited import ByConfigJson, ByContainerJson  # noqa: E402
from support.wait import time_limit  # noqa: E402

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(REPOSITORY, "tests/tools")
debian_made = (None, "not asked for")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write what `nsinit plan` prints to golden/")


def nsinit_path():
    return os.path.abspath(os.environ.get("NSINIT", os.path.join(REPOSITORY, "build/nsinit/nsinit")))


def pytest_collection_modifyitems(config, items):
    """Debian must be made while there is still a network, so before the session's namespaces."""
    global debian_made
    if config.option.collectonly:
        return
    if any("debian" in getattr(item, "fixturenames", ()) for item in items):
        debian_made = rootfs.make_debian()


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


@pytest.fixture(scope="session", autouse=True)
def session_namespaces():
    if os.geteuid() != 0:
        pytest.exit("the whole-program tests need root", 2)
    if not os.access(nsinit_path(), os.X_OK):
        pytest.exit(f"no nsinit at {nsinit_path()}: build it first, or set NSINIT", 2)
    isolation.enter()


@pytest.fixture(scope="session")
def nsinit():
    return nsinit_path()


@pytest.fixture(scope="session")
def session_directory():
    """Short-lived files of this run; every component can be entered by every user, which user namespaces need."""
    os.makedirs(rootfs.CACHE, exist_ok=True)
    path = os.path.join(rootfs.CACHE, f"run-{os.getpid()}")
    os.mkdir(path)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def tool(session_directory):
    """tool("spy") compiles tests/tools/spy.c, static, and returns the path of the program."""
    made = {}

    def get(name):
        if name not in made:
            path = os.path.join(session_directory, "tool-" + name)
            subprocess.run(["cc", "-O1", "-Wall", "-static", "-o", path, os.path.join(TOOLS, name + ".c")],
                           check=True, timeout=60)
            made[name] = path
        return made[name]

    return get


@pytest.fixture(scope="session")
def busybox_master(session_directory):
    return rootfs.make_busybox(os.path.join(session_directory, "busybox"))


@pytest.fixture
def work(session_directory, request):
    """A directory for this test alone, mode 755."""
    name = "".join(character if character.isalnum() else "-" for character in request.node.name)[:60]
    path = os.path.join(session_directory, f"t-{name}")
    os.makedirs(path)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def busybox(work):
    """A busybox root file system of the test's own."""
    return rootfs.make_busybox(os.path.join(work, "rootfs"))


@pytest.fixture
def debian(work):
    """A Debian root file system of the test's own: an overlay on the cached one."""
    lower, reason = debian_made
    if not lower:
        pytest.skip(f"no Debian root file system: {reason}")
    path, upper, scratch = (os.path.join(work, name) for name in ("debian", "upper", "scratch"))
    for directory in (path, upper, scratch):
        os.mkdir(directory)
    options = f"lowerdir={lower},upperdir={upper},workdir={scratch}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, path], check=True, timeout=10)
    yield path
    subprocess.run(["umount", "-l", path], check=True, timeout=10)


@pytest.fixture
def canary(work):
    return rootfs.Canary(os.path.join(work, "canary"))


@pytest.fixture
def make_container(nsinit, work, request):
    """make_container(root, name) gives a Container; all are stopped and looked after at the end of the test."""
    made = []

    def make(root, name="box", directory=None, watched=None):
        container = Container(nsinit, root, directory or os.path.join(work, name), os.path.join(work, "logs-" + name))
        container.watched = watched or root
        container.take_manifest()
        container.rootfs_may_change = request.node.get_closest_marker("rootfs_may_change") is not None
        made.append(container)
        return container

    yield make
    for container in made:
        container.stop_all()
    if made and any_failed(request.node):
        return
    for container in made:
        if container.nsinit_run("state").status != 0:  # cleans up after a killed nsinit
            pytest.fail(f"nsinit state failed after the test: {container.nsinit_run('state')}")
    found = [entry for container in made for entry in container.leftovers()]
    assert not found, "left behind:\n" + "\n".join(found)


@pytest.fixture
def box(make_container, busybox):
    """The usual container: busybox, five namespaces."""
    return make_container(busybox)


def nsrun_path():
    return os.path.join(os.path.dirname(os.path.dirname(nsinit_path())), "nsrun/nsrun")


@pytest.fixture
def make_bundle(work, request):
    """make_bundle(name) gives a Bundle with a busybox root; all its containers must be deleted by the end."""
    made = []

    def make(name="box"):
        directory = os.path.join(work, name)
        os.makedirs(directory)
        rootfs.make_busybox(os.path.join(directory, "rootfs"))
        made.append(Bundle(nsrun_path(), directory, f"lc-whole-{os.getpid()}-{name}"))
        return made[-1]

    yield make
    for bundle in made:
        found = [] if any_failed(request.node) else bundle.leftovers()
        bundle.cleanup()
        assert not found, "left behind:\n" + "\n".join(found)


@pytest.fixture
def bundle(make_bundle):
    return make_bundle()


@pytest.fixture(params=["nsinit", "nsrun"])
def limited(request, tool, group_parent):
    """A container with limits; each test of them runs for either program."""
    if request.param == "nsinit":
        made = ByContainerJson(request.getfixturevalue("box"), tool, group_parent)
    else:
        made = ByConfigJson(request.getfixturevalue("bundle"), tool)
    made.add("limits")
    made.add("helper")
    return made


@pytest.fixture
def debian_box(debian, make_container, work):
    return make_container(debian, "debian-box", watched=os.path.join(work, "upper"))


@pytest.fixture
def group_parent(request):
    """A cgroup parent that only this test run uses."""
    return f"lc-whole-{os.getpid()}"


def any_failed(node):
    report = getattr(node, "report_call", None)
    return report is not None and report.failed


@pytest.fixture(autouse=True)
def nothing_left_behind(session_namespaces, request):
    """The first fixture in and the last out: compares the machine before and after."""
    marker = request.node.get_closest_marker("timeout")
    snapshot = leftovers.Snapshot()
    with time_limit(marker.args[0] if marker else 60):
        yield
    found = snapshot.check()
    if found:
        snapshot.clean()
        if not any_failed(request.node):
            pytest.fail("left behind:\n" + "\n".join(found))
