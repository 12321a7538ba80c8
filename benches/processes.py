"""What processes have used: processor time and memory, from /proc and the clocks of the kernel."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all that it has started, and those they have."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := stat_fields(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes: exactly, and of the children that each has outlived, in clock ticks."""
    total = 0.0
    for pid in pids:
        fields = stat_fields(pid)
        if not fields:
            continue
        try:
            total += time.clock_gettime_ns(_clock(pid)) / 1e9
        except OSError:
            continue
        total += (int(fields[13]) + int(fields[14])) / _TICKS
    return total


def _clock(pid: int) -> int:
    """The clock of a process, as clock_getcpuclockid(3) numbers it: all its threads, those that have ended among them."""
    return (~pid << 3) | 2


def pss_kib(pids: Iterable[int]) -> int:
    """Memory, pages that several processes have counted as their share (proportional set size)."""
    return sum(map(_pss, pids))


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
