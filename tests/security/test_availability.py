"""T42 and T44: output and sizes that would stop a runtime or fill its memory."""
import json
import os
import resource

import pytest

CRASHES = {128 + number for number in (4, 6, 7, 8, 9, 11, 24)} | {99}  # signals; what the sanitizers say


@pytest.mark.parametrize("end", [0, 1])
def test_t42_hook_that_prints_10_mb(box, end):
    box.config["hooks"] = {"createRuntime": [{"path": "/bin/busybox", "timeout": 20, "args": [
        "sh", "-c", f"dd if=/dev/zero bs=1M count=10; dd if=/dev/zero bs=1M count=10 >&2; exit {end}"]}]}
    result = box.sh("echo RAN", timeout=30)
    if end:
        box.refused(result)
        assert len(result.stderr) < 1 << 20, "all of it in the message"
    else:
        assert result.status == 0 and result.out.endswith("RAN\n"), result


def test_t42_hook_without_an_end(box):
    box.config["hooks"] = {"createRuntime": [{"path": "/bin/busybox", "timeout": 1, "args": [
        "sh", "-c", "trap '' TERM INT HUP; while :; do echo noise; done"]}]}
    box.refused(box.sh("echo RAN", timeout=15))


def limited():
    """1 GiB of address space would do for each of these; without a limit a bomb takes all."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


def bombs():
    good = '{"ociVersion":"1.0.2","process":{"args":["/bin/true"],"cwd":"/","user":{"uid":0,"gid":0}},"root":{"path":"rootfs"}'
    yield "deep list", good + ',"annotations":' + "[" * 100000 + "]" * 100000 + "}"
    yield "deep object", good + ',"x":' + '{"a":' * 100000 + "1" + "}" * 100000 + "}"
    yield "unclosed", good + ',"x":' + "[" * 1000000
    yield "long string", good + ',"hostname":"' + "h" * (20 << 20) + '"}'
    yield "long number", good + ',"x":' + "9" * 1000000 + "}"
    yield "huge float", good + ',"linux":{"resources":{"pids":{"limit":1e999}}}}'
    yield "too large", good + ',"process":{"oomScoreAdj":99999999999999999999999}}'
    yield "not UTF-8", good.encode() + b',"hostname":"\xff\xfe"}'
    yield "NUL", good + ',"hostname":"a\\u0000b"}'
    yield "surrogate", good + ',"hostname":"\\ud800"}'
    yield "nothing", ""
    yield "blanks", " " * (20 << 20)
    yield "zeros", b"\0" * 4096
    yield "a list", "[]"
    yield "null", "null"
    yield "twice", good + ',"root":{"path":"/"},"root":{"path":"rootfs"}}'


@pytest.mark.parametrize("name, text", list(bombs()), ids=[name for name, _ in bombs()])
def test_t44_json_bombs(box, name, text):
    """A message soon, whatever the file is; no crash, nothing left."""
    result = box.call("run", box.name, text=text, timeout=15, preexec_fn=limited)
    assert result.status not in CRASHES, result
    if result.status != 0:
        assert result.err.strip() and len(result.stderr) < 1 << 20, result
    assert not box.leftovers()


def test_t44_bombs_for_exec(box, work):
    box.start()
    path = os.path.join(work, "process.json")
    for text in ("[" * 100000, '{"args":' + "[" * 100000 + "]" * 100000 + "}", "", "[]", '{"args":[]}', "\0" * 100,
                 json.dumps({"args": ["/bin/true"], "cwd": "relative", "user": {"uid": 0, "gid": 0}})):
        with open(path, "w") as file:
            file.write(text)
        result = box.call("exec", "--process", path, box.name, timeout=10, preexec_fn=limited)
        assert result.status not in (0, *CRASHES) and result.err.strip(), (text[:40], result)


@pytest.mark.parametrize("kind", ["fifo", "directory", "/dev/zero", "socket"])
def test_t44_config_is_no_file(box, kind):
    """Neither waited for nor read without end."""
    path = os.path.join(box.directory, "bundle")
    os.mkdir(path)
    target = os.path.join(path, "config.json")
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "directory":
        os.mkdir(target)
    elif kind == "socket":
        os.mknod(target, 0o140600)
    else:
        os.symlink("/dev/zero", target)

    def little_memory():
        limited()
        if "ASAN_OPTIONS" not in os.environ:  # which maps terabytes
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    result = box.call("create", "--bundle", path, box.name, timeout=15, preexec_fn=little_memory)
    assert result.status not in (0, *CRASHES) and result.err.strip(), result
