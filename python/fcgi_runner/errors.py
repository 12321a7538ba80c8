"""What ends a start."""

import sys

__all__ = ["ClientDisconnected", "RequestTimeout", "StartError"]


class StartError(SystemExit):
    """The server could not be started.

    Left alone, it ends the program with the status that `fcgi-run` would have: 1 a failure, 2 wrong options, 3 the
    application cannot be imported, 4 the address or the pidfile is in use. What is wrong has been written to standard
    error by then, as `argparse` does it. `reference` is the code that `fcgi-run explain` knows, such as `FR017`.
    """

    code: int

    def __init__(self, message: str, hint: str | None, code: int, reference: str | None = None) -> None:
        super().__init__(code)
        self.message = message
        self.hint = hint
        self.reference = reference

    def __str__(self) -> str:
        """The cause, and what to do about it in a second line."""
        kind = f"error[{self.reference}]" if self.reference else "error"
        lines = [f"{kind}: {self.message.rstrip()}"]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def tell(self) -> None:
        """Writes it to standard error."""
        if sys.stderr is not None:
            print(self, file=sys.stderr, flush=True)


class ClientDisconnected(BaseException):
    """The visitor has gone: nobody waits for the answer any more.

    Raised inside the application, at its next step in Python, when the option `abort=interrupt` is set. It is no
    `Exception`, so that the handlers of frameworks let it pass; `finally` and `with` do their work.
    """


class RequestTimeout(BaseException):
    """The request has taken longer than `requesttimeout`.

    Raised inside the application, at its next step in Python. Left alone, it becomes a 504; an application that catches it
    may still answer by itself, within `killgrace`. It is no `Exception`, so that the handlers of frameworks let it pass.
    """
