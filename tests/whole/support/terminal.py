"""A pty driver: a command on a terminal of its own, typed to and read from with deadlines."""
import fcntl
import os
import select
import struct
import subprocess
import termios
import time


def set_size(descriptor, rows, columns):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """with Terminal(command, cwd=...) as t: t.type("ls\\n"); t.expect("bin")."""

    def __init__(self, command, cwd, rows=24, columns=80, container=None, keep_slave=True, **options):
        self.master, self.slave = os.openpty()
        self.slave_path = os.ttyname(self.slave)
        set_size(self.master, rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.text, self.position = b"", 0

        def session():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        options = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **options}
        self.process = subprocess.Popen(command, cwd=cwd, preexec_fn=session, **options)
        if container is not None:
            container.live.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for name in ("master", "slave"):
            if getattr(self, name) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)

    def type(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        while data:
            data = data[os.write(self.master, data):]

    def _read(self, timeout):
        ready, _, _ = select.select([self.master], [], [], timeout)
        if not ready:
            return b""
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return b""
        self.text += data
        return data

    def expect(self, text, timeout=10):
        """Reads on until text appears after what was expected before; returns all up to and with it."""
        wanted = text.encode()
        deadline = time.monotonic() + timeout
        while wanted not in self.text[self.position:]:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} does not come; after what was read before there is {self.tail()!r}"
            self._read(min(left, 0.2))
        start = self.position
        self.position = self.text.index(wanted, self.position) + len(wanted)
        return self.text[start:self.position].decode(errors="replace")

    def read_all(self, timeout=10):
        """Everything until the command has ended."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"does not end; {self.tail()!r}"
            self._read(0.02)
        while self._read(0):
            pass
        text = self.text[self.position:].decode(errors="replace")
        self.position = len(self.text)
        return text

    def status(self, timeout=10):
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"does not end; {self.tail()!r}"
            self._read(0.02)
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    def settings(self):
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        return not self.settings()[3] & (termios.ICANON | termios.ECHO)

    def tail(self):
        return self.text[self.position:][-600:]
