"""The app of `INSTALLED_APPS`."""

from django.apps import AppConfig

from fcgi_runner.django import database

__all__ = ["FcgiRunnerConfig"]


class FcgiRunnerConfig(AppConfig):
    """Adds the command `runfcgi`, and keeps connections to databases out of forked processes."""

    name = "fcgi_runner.django"
    label = "fcgi_runner"
    verbose_name = "FastCGI server"

    def ready(self) -> None:
        """Is called by Django when all models are loaded."""
        database.put_aside_after_fork()
