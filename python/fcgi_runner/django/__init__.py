"""For Django: the function `runfastcgi`, and an app with the command `runfcgi`.

    INSTALLED_APPS += ["fcgi_runner.django"]     # then: ./manage.py runfcgi method=prefork socket=... pidfile=...

    from fcgi_runner.django import runfastcgi    # in a .fcgi file
    runfastcgi(method="threaded", daemonize="false")

A project that is named by `DJANGO_SETTINGS_MODULE` is imported by each worker itself, after the fork: SIGHUP loads new code,
and no connection to a database is shared. Where a project was loaded before the fork (`preload`, `settings.configure`), the
connections that were opened by then are put aside in the workers.
"""

import os
import sys
from collections.abc import Iterable, Sequence

from fcgi_runner.django import database
from fcgi_runner.starting import Application, OptionValue, applications_of, start, words_of

__all__ = ["project_words", "runfastcgi", "words_with_project"]

#: Words that are commands beside serving, where they come first.
COMMANDS = ("check", "explain")


def runfastcgi(argset: Iterable[str] = (), **kwargs: OptionValue | Application) -> bool:
    """Serves the project, with the options of `fcgi-run` as words, as keyword arguments, or both: the words win.

    As in Django 1.8, with an address in the background unless `daemonize` says otherwise, without one in the foreground
    on descriptor 0. Returns True after a SIGHUP that only the caller can follow, else False. Raises
    `fcgi_runner.StartError` where it cannot start, and `SystemExit` in the process that has only started a server in
    the background.
    """
    database.put_aside_after_fork()
    words = [*project_words(), *words_of(kwargs), *argset]
    return start(_configured_application(), words, applications_of(kwargs))


def project_words() -> list[str]:
    """The word that names the project: beside an authorizer or a filter, nothing is served that is not named."""
    settings = os.environ.get("DJANGO_SETTINGS_MODULE")
    return [f"settings={settings}"] if settings else []


def words_with_project(words: Sequence[str]) -> list[str]:
    """The words of a command line with the one that names the project; a command, such as `check`, stays the first word."""
    command = words[:1] if words and words[0].lower() in COMMANDS else []
    return [*command, *([] if command == ["explain"] else project_words()), *words[len(command) :]]


def _configured_application() -> Application | None:
    """The application of a project without a settings module: only this process knows its settings."""
    configuration = sys.modules.get("django.conf")
    if os.environ.get("DJANGO_SETTINGS_MODULE") or configuration is None or not configuration.settings.configured:
        return None
    from django.core.servers.basehttp import get_internal_wsgi_application

    application: Application = get_internal_wsgi_application()
    return application
