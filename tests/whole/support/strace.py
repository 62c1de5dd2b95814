"""strace, to see or to delay system calls."""
import os


def strace(log, *options):
    """The words to put before a command. LeakSanitizer cannot work beside another tracer, so it is left out."""
    sanitizer = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "detect_leaks=0")))
    return ["strace", "-f", "-E", f"ASAN_OPTIONS={sanitizer}", "-o", log, *options]
