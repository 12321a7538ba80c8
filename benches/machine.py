"""On what, and with which versions, something was measured."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from benches import places

PACKAGES = ("uwsgi", "gunicorn", "granian", "flup6")
DEBIAN = {"libfcgi": "libfcgi-dev", "nginx": "nginx-light", "wrk": "wrk"}


def facts() -> dict[str, str]:
    """Name and text of each."""
    found = {
        "fcgi-run": f"{_first_line(places.fcgi_run(), '--version').removeprefix('fcgi-run ')}{_commit()}",
        "Machine": f"{_cpu()}, {len(os.sched_getaffinity(0))} cores, {_memory():.0f} GiB of memory",
        "System": f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, Linux {platform.release()}",
        "Python": f"{platform.python_version()} ({platform.python_implementation()}, {sys.platform})",
    }
    found |= _python_packages()
    found["php-fpm"] = re.sub(r" .*", "", _first_line(places.php_fpm(), "-v").removeprefix("PHP "))
    return found | {name: _debian(package) for name, package in DEBIAN.items()}


def _first_line(*words: str) -> str:
    try:
        out = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "not known"
    return out.splitlines()[0].strip() if out.strip() else "not known"


def _commit() -> str:
    """The state of the project, where it is told."""
    git = ("git", "-C", str(places.REPOSITORY))
    commit = _first_line(*git, "describe", "--always", "--abbrev=10")
    if commit == "not known":
        return ""
    # What is written here by the measuring itself changes nothing of what is measured.
    others = (":(top)", ":(top,exclude)BENCHMARKS.md", ":(top,exclude)benches/chart.svg")
    changed = _first_line(*git, "status", "--porcelain", "--untracked-files=no", "--", *others) != "not known"
    return f" (commit {commit}{'-dirty' if changed else ''})"


def _cpu() -> str:
    names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def _debian(package: str) -> str:
    return _first_line("dpkg-query", "--show", "--showformat=${Version}", package)


def _python_packages() -> dict[str, str]:
    """Versions in the virtual environment of the peers."""
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    versions = _first_line(str(places.VENV / "python"), "-c", code, *PACKAGES).split()
    return dict(zip(("uWSGI", "gunicorn", "granian", "flup6"), versions, strict=False))
