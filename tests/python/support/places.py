"""Folders, ports and the unprivileged user of the tests."""

import os
import pwd
import shutil
import socket
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = REPOSITORY / "examples"
WEB_USER = "www-data"


def make_workplace():
    """A short path (Unix sockets have 107 bytes) below the system's temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="fcgiweb-"))
    folder.chmod(0o755)
    give_away(folder)
    return folder


def make_folder(path):
    path.mkdir(parents=True, exist_ok=True)
    give_away(path)
    return path


def give_away(path):
    """Makes `path` and all below it belong to the user the servers run as."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(WEB_USER)
    os.chown(path, user.pw_uid, user.pw_gid)
    for folder, names, files in os.walk(path):
        for name in names + files:
            os.chown(os.path.join(folder, name), user.pw_uid, user.pw_gid, follow_symlinks=False)


def remove(path):
    shutil.rmtree(path)


def unprivileged(argv):
    """The command, run as the web user when the tests run as root.

    One privilege is kept: to read and enter any folder, since an interpreter may be installed where only root looks. It
    gives no right to write to a socket, so the permissions of sockets still count.
    """
    if os.geteuid() != 0:
        return argv
    keep = "-all,+dac_read_search"
    user = ["--reuid", WEB_USER, "--regid", WEB_USER, "--clear-groups"]
    return ["setpriv", *user, "--inh-caps", keep, "--ambient-caps", keep, "--", *argv]


def free_port():
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
