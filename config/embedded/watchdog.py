"""A small program that ends the supervisor's processes when the supervisor was killed.

It runs by its path, on the standard library alone, with the seconds of grace as argument, and reads lines from the supervisor:
`+<pid> <stop signal>` for a started process, `-<pid>` for one that has ended. The end of that
input means that nobody is left to stop the rest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Follow the supervisor's words until it is gone, then clean up after it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    processes: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        if line.startswith("+"):
            processes[int(words[0][1:])] = int(words[1])
        else:
            processes.pop(int(words[0][1:]), None)
    _end(processes, float(sys.argv[1]))


def _end(processes: dict[int, int], grace: float) -> None:
    for pid, stop_signal in reversed(processes.items()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, stop_signal)
    deadline = time.monotonic() + grace
    while processes:
        late = time.monotonic() > deadline
        for pid in [pid for pid in processes if late or not _is_alive(pid)]:
            # Each is the leader of a group: what it left behind ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            del processes[pid]
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


if __name__ == "__main__":
    main()
