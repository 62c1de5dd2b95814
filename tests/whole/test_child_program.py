"""The program that runs inside: tiny, static, without heap, stdio, NSS or dynamic loading."""
import glob
import os
import re
import shutil
import subprocess

import pytest

FORBIDDEN = re.compile(
    r"^_*(malloc|calloc|realloc|free|memalign|posix_memalign|aligned_alloc|"
    r"v?[fsd]?n?printf|v?asprintf|puts|fputs|fwrite|fopen|fdopen|perror|syslog|"
    r"dlopen|dlsym|dlclose|get(pw|gr|sp)(nam|uid|gid|ent)(_r)?|getaddrinfo|gethostby\w+|getservby\w+|"
    r"setlocale|iconv_open|iconv|initgroups|getgrouplist|system|popen|pthread_create|strdup|opendir|readdir)$")


def programs(nsinit):
    build = os.path.dirname(os.path.dirname(nsinit))
    return [path for path in glob.glob(build + "/src/**/nsinit-init", recursive=True)
            if os.path.isfile(path) and open(path, "rb").read(4) == b"\x7fELF"]


@pytest.fixture
def program(nsinit):
    found = programs(nsinit)
    if not found:
        pytest.skip("NSINIT is not in a build tree: the child program is not there to look at")
    return found[0]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout


def test_symbols(program):
    symbols = [line.split()[-1] for line in run("nm", program).splitlines() if line.strip()]
    assert len(symbols) > 20, "stripped: nothing can be proved from it"
    assert not [name for name in symbols if FORBIDDEN.match(name)]
    assert "main" in symbols


def test_static_and_small(program, work):
    headers = run("readelf", "-lW", program)
    assert "INTERP" not in headers and "NEEDED" not in run("readelf", "-dW", program)
    copy = os.path.join(work, "copy")
    shutil.copy(program, copy)
    run("strip", copy)
    assert os.path.getsize(copy) < 128 * 1024, os.path.getsize(copy)


def test_hardened(program):
    """No writable and executable segment, and a stack that is not executable."""
    flags = [line.split()[-3:-1] for line in run("readelf", "-lW", program).splitlines()
             if line.strip().startswith(("LOAD", "GNU_STACK"))]
    for line in run("readelf", "-lW", program).splitlines():
        if line.strip().startswith(("LOAD", "GNU_STACK")):
            assert "RWE" not in line, line
    assert flags


def test_no_constructors(program):
    sections = run("readelf", "-SW", program)
    sizes = {match[1]: int(match[2], 16) for match in re.finditer(
        r"\] (\.(?:init|preinit|ctors)\S*)\s+\S+\s+\S+\s+\S+\s+(\S+)", sections)}
    assert sizes.get(".preinit_array", 0) == 0
    assert sizes.get(".init_array", 0) <= 8, sizes  # the C runtime's own frame_dummy


def test_it_does_not_run_by_itself(program, work):
    """Started by hand, without a plan, it ends at once and says or does nothing harmful."""
    result = subprocess.run([program], cwd=work, capture_output=True, timeout=10, stdin=subprocess.DEVNULL)
    assert result.returncode != 0
    assert not os.listdir(work)


def test_nsinit_uses_no_ip_command(nsinit):
    """Netlink only: no program of the host is ever run."""
    data = open(nsinit, "rb").read()
    for name in (b"bin/ip\0", b"bin/brctl"):
        assert name not in data


def test_library_exports_only_its_own(nsinit):
    found = glob.glob(os.path.dirname(os.path.dirname(nsinit)) + "/**/libcontainer.so*", recursive=True)
    found = [path for path in found if os.path.isfile(path) and not path.endswith(".symbols")]
    if not found:
        pytest.skip("no libcontainer.so in the build tree")
    names = [line.split()[-1].partition("@")[0] for line in run("nm", "-D", "--defined-only", found[0]).splitlines()]
    assert names and not [name for name in names if not re.match(r"lc_|LIBCONTAINER|LC_", name)], names
