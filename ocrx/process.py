"""Facts about processes: memory, what reproduces a run, which is the main one of several, and whether one still runs.

Imports nothing but the standard library and the version.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ocrx.version import __version__

_M_MMAP_THRESHOLD = -3  # option of mallopt in malloc.h
_LARGE_BLOCK = 128 * 1024  # bytes; glibc's initial value, which grows unless it is set


def is_main_process() -> bool:
    """Whether this process reports for all: of those that torchrun starts, only rank 0 does.

    Returns:
        True outside torchrun and for rank 0.
    """
    return "WORLD_SIZE" not in os.environ or os.environ.get("RANK", "0") == "0"


def resident_mib() -> float:
    """Resident memory of this process.

    Returns:
        MiB; the peak where the system does not report the present value, 0 on Windows.
    """
    status = Path("/proc/self/statm")
    if not status.exists():
        return peak_mib()
    import resource

    return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20


def peak_mib() -> float:
    """Peak resident memory of this process.

    Returns:
        MiB; 0 on Windows.
    """
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def is_running(pid: int) -> bool:
    """Check whether a process of this machine runs.

    Args:
        pid: Its process id.

    Returns:
        Whether it runs; always True on Windows, where a check could terminate it.
    """
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def package_versions() -> dict[str, str]:
    """List the installed packages, to reproduce a result.

    Returns:
        Package → version, in the order of their names.
    """
    from importlib.metadata import distributions  # loads the email parser, which only this function needs

    found = {str(one.metadata["Name"]): one.version for one in distributions() if one.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda pair: pair[0].casefold()))


def environment() -> dict[str, object]:
    """Say which command runs, and with which software, to reproduce a result.

    Returns:
        ``command``, ``ocrx``, ``python``, ``platform`` and ``packages``.
    """
    import platform
    import shlex

    return {
        "command": shlex.join(sys.argv),
        "ocrx": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
    }


def return_freed_memory() -> bool:
    """Have the C library return large blocks to the system as soon as they are freed (glibc).

    Once a large block was freed, glibc keeps blocks up to that size for later. A session of ONNX Runtime frees many
    while it is made and needs none of them later: 6 MiB for the default model.

    Returns:
        Whether the C library can do it.
    """
    import ctypes  # NumPy loads it anyway

    if sys.platform != "linux":
        return False
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    return set_option is not None and bool(set_option(_M_MMAP_THRESHOLD, _LARGE_BLOCK))
