"""Fixtures of the catalogue's tests: any OCI runtime (RT) as a black box. What is not about OCI comes from tests/whole."""
import importlib.util
import os
import sys

import pytest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
WHOLE = os.path.join(REPOSITORY, "tests/whole")
sys.path[:0] = [HERE, WHOLE]
pytest.register_assert_rewrite("runtime")

from support import isolation, leftovers  # noqa: E402
from support.wait import time_limit  # noqa: E402
from runtime import Box, Racer  # noqa: E402


def whole_fixtures():
    """tests/whole/conftest.py under a name that does not collide with ours."""
    spec = importlib.util.spec_from_file_location("whole_conftest", os.path.join(WHOLE, "conftest.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["whole_conftest"] = module
    spec.loader.exec_module(module)
    return module


whole = whole_fixtures()
leftovers.OUR_GROUPS = (f"lc-whole-{os.getpid()}",)  # the engines on this machine make others
session_directory, tool, busybox, work, canary = (
    getattr(whole, name) for name in ("session_directory", "tool", "busybox", "work", "canary"))
pytest_runtest_makereport, nothing_left_behind = whole.pytest_runtest_makereport, whole.nothing_left_behind
SHORT = 20  # seconds for all races together in `make test`


def runtime_path():
    return os.path.abspath(os.environ.get("RT", os.path.join(REPOSITORY, "build/nsrun/nsrun")))


@pytest.fixture(scope="session", autouse=True)
def session_namespaces():
    if os.geteuid() != 0:
        pytest.exit("the catalogue's tests need root", 2)
    if not os.access(runtime_path(), os.X_OK):
        pytest.exit(f"no runtime at {runtime_path()}: build it first, or set RT", 2)
    isolation.enter()
    if os.environ.get("RT_CGROUPS") == "v1":  # some runtimes refuse the hybrid layout
        isolation.run("umount", "/sys/fs/cgroup/unified")


@pytest.fixture(scope="session")
def rt():
    return runtime_path()


@pytest.hookimpl(trylast=True)  # after -k and -m
def pytest_collection_modifyitems(config, items):
    """The budget is shared out evenly; each race may take its share and what a slow machine needs around it."""
    races = [item for item in items if item.get_closest_marker("race")]
    config.race_seconds = float(os.environ.get("SOAK_SECONDS") or SHORT) / max(len(races), 1)
    for item in races:
        item.add_marker(pytest.mark.timeout(config.race_seconds + 60))


@pytest.fixture
def seconds(request):
    return request.config.race_seconds


@pytest.fixture
def racer(tool):
    """racer(program arguments) runs tests/tools/racer.c until the end of the test."""
    made = []

    def start(*arguments, **options):
        made.append(Racer(tool("racer"), arguments, **options))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def make_box(rt, work, request):
    """make_box(name) gives a bundle with a busybox of its own; deleted and looked after at the end of the test."""
    made = []

    def make(name="box"):
        directory = os.path.join(work, name)
        os.makedirs(directory)
        made.append(Box(rt, directory, os.path.join(work, "state"), f"lc-whole-{os.getpid()}-{len(made)}"))
        return made[-1]

    yield make
    with time_limit(30):
        for box in made:
            box.delete_all()
    if whole.any_failed(request.node):
        return
    found = [entry for box in made for entry in box.leftovers()]
    assert not found, "left behind:\n" + "\n".join(found)


@pytest.fixture
def box(make_box):
    return make_box()
