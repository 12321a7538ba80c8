"""`manage.py runfcgi`, as it was up to Django 1.8."""

import os
import sys
import traceback
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from fcgi_runner import StartError
from fcgi_runner.django import runfastcgi
from fcgi_runner.django.runfcgi import become

__all__ = ["Command"]


class Command(BaseCommand):
    """Serves the project; the words are those of `fcgi-run`."""

    help = (
        "Serves this project by FastCGI, for a web server. The options are words without dashes, as in "
        "`runfcgi method=prefork socket=/tmp/mysite.sock pidfile=mysite.pid`; `runfcgi help` shows all of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes words of any kind: the server itself knows which are right."""
        parser.add_argument("words", nargs="*", metavar="key=value", help="an option; `help` shows all")

    def execute(self, *args: Any, **options: Any) -> Any:
        """Shows the help of a broken project, too."""
        asks = {"help", "version", "man", "check", "explain"} & {word.lower() for word in options.get("words", ())}
        return super().execute(*args, **{**options, "skip_checks": options.get("skip_checks") or bool(asks)})

    def check(self, *args: Any, **kwargs: Any) -> Any:
        """Ends with the status of an application that cannot be imported, when that is what the checks run into."""
        try:
            return super().check(*args, **kwargs)
        except CommandError:
            raise
        except Exception as error:
            cause = "".join(traceback.format_exception(error))
            hint = "the last lines of the traceback say what and where"
            failure = StartError(f"the application cannot be imported\n{cause}", hint, 3, "FR100")
            failure.tell()
            raise failure from error

    def handle(self, *args: Any, **options: Any) -> None:
        """Becomes the server; or serves from here where only this process knows the settings."""
        words: list[str] = options["words"]
        if self._called_from_command_line and os.environ.get("DJANGO_SETTINGS_MODULE") and sys.executable:
            connections.close_all()
            become(words)
        runfastcgi(words)
