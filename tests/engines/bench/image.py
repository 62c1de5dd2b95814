"""The one image of all engines: busybox and its links, as a root file system in a tar and as a docker archive."""
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

NAME = "localhost/bb:latest"
DIRECTORIES = ["bin", "dev", "etc", "home", "proc", "root", "run", "sbin", "sys", "usr", "usr/bin", "usr/sbin", "var", "full"]
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\napp:x:1000:1000::/home:/bin/sh\n",
    "etc/group": "root:x:0:\napp:x:1000:\nextra:x:2000:app\nnobody:x:65534:\n",
    "etc/notexec": "this is no program\n",
    "full/content": "from the image\n",
}
ENV = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def add(tar, name, mode, data=None, link=None):
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    if link is not None:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    elif data is None:
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data) if data is not None else None)


def compiled(source):
    """A small program of ours, static."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["gcc", "-O2", "-static", "-s", "-o", f"{directory}/program", f"{HERE}/{source}"], check=True)
        with open(f"{directory}/program", "rb") as file:
            return file.read()


def rootfs():
    """The layer, as bytes. Times are zero, so that it is always the same."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in DIRECTORIES:
            add(tar, name, 0o755)
        for name in ("tmp", "var/tmp"):
            add(tar, name, 0o1777)
        for name, text in FILES.items():
            add(tar, name, 0o644, text.encode())
        with open("/bin/busybox", "rb") as file:
            add(tar, "bin/busybox", 0o755, file.read())
        add(tar, "bin/refused", 0o755, compiled("refused.c"))
        for applet in subprocess.check_output(["/bin/busybox", "--list"], text=True).split():
            if applet != "busybox":
                add(tar, f"bin/{applet}", 0o777, link="busybox")
    return out.getvalue()


def make(directory):
    """DIRECTORY/rootfs.tar and DIRECTORY/image.tar, which every engine can read."""
    layer = rootfs()
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps({
        "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux",
        "config": {"Env": [ENV], "Cmd": ["/bin/sh"]}, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z"}],
    }).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{name}.json", "RepoTags": [NAME], "Layers": [f"{digest}/layer.tar"]}]).encode()
    with open(f"{directory}/rootfs.tar", "wb") as file:
        file.write(layer)
    with tarfile.open(f"{directory}/image.tar", "w") as tar:
        add(tar, f"{name}.json", 0o644, config)
        add(tar, digest, 0o755)
        add(tar, f"{digest}/layer.tar", 0o644, layer)
        add(tar, "manifest.json", 0o644, manifest)
