"""What is in the wheel."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import fcgi_runner
from fcgi_runner import _native


def test_it_is_the_installed_wheel_that_is_tested():
    assert Path(_native.__file__).is_relative_to(sys.prefix)


def test_the_native_module_brings_no_second_interpreter():
    needed = subprocess.run(["ldd", _native.__file__], check=True, capture_output=True, text=True).stdout
    assert "libc.so" in needed
    assert "libpython" not in needed


def test_the_version_is_the_same_everywhere():
    command = subprocess.run(
        [Path(sys.executable).parent / "fcgi-run", "version"], check=True, capture_output=True, text=True
    )
    assert command.stdout.split()[-1] == fcgi_runner.__version__ == metadata.version("fcgi-runner")


def test_types_are_delivered():
    files = {path.name for path in metadata.files("fcgi-runner")}
    assert {"py.typed", "_native.pyi"} <= files


def test_the_stubs_say_what_is_there():
    checked = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "fcgi_runner._native", "fcgi_runner.flup", "fcgi_runner.starting"],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
