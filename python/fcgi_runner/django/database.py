"""Connections to databases that were opened before a fork.

Two processes that talk over one connection get each other's answers, and the first one that closes it says good-bye in the
name of the other. So a forked process must neither use nor close what it has inherited: it puts such connections aside,
without a word to the database, and Django opens new ones.
"""

import contextlib
import os
import sys
from typing import Any

__all__ = ["put_aside_after_fork"]

_registered = False

#: What was put aside. It is kept: a driver that throws a connection away says good-bye to the database.
_aside: list[Any] = []


def put_aside_after_fork() -> None:
    """Has every process that is forked from now on put aside the connections that it inherits."""
    global _registered
    if not _registered:
        os.register_at_fork(after_in_child=_put_aside)
        _registered = True


def _put_aside() -> None:
    module = sys.modules.get("django.db")
    if module is None:
        return
    for connection in module.connections.all(initialized_only=True):
        _put_aside_pools(connection)
        in_memory = getattr(connection, "is_in_memory_db", None)
        if connection.connection is None or (in_memory is not None and in_memory()):
            continue
        _aside.append(connection.connection)
        _silence(connection.connection)
        connection.connection = None


def _put_aside_pools(connection: Any) -> None:
    """Forgets the pools of PostgreSQL's backend, whose threads are not in the new process."""
    pools = getattr(type(connection), "_connection_pools", None)
    if isinstance(pools, dict) and pools:
        _aside.append(dict(pools))
        pools.clear()


def _silence(connection: Any) -> None:
    """Lets whatever the driver may still say on the inherited descriptor go nowhere."""
    # Drivers without a descriptor, and each in its own words those whose connection is broken.
    with contextlib.suppress(Exception):
        descriptor: int = connection.fileno()
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.dup2(nowhere, descriptor, inheritable=False)
        finally:
            os.close(nowhere)
