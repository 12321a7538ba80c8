"""Settings of the demo site.

Nothing here depends on fcgi-run but one line in INSTALLED_APPS. These variables of the environment change it:

MYSITE_DEBUG        1 shows Django's debug pages (default: off)
MYSITE_SECRET_KEY   the key that signs sessions: set your own on a real server
MYSITE_HOSTS        more host names to answer to, separated by commas
MYSITE_DATABASE     path of the SQLite file (default: db.sqlite3 beside manage.py)
MYSITE_MEDIA_ROOT   folder of the uploaded files (default: media)
MYSITE_STATIC_ROOT  folder that `collectstatic` fills and the web server serves (default: staticfiles)
"""

import os
from importlib.util import find_spec
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("MYSITE_DEBUG") == "1"
SECRET_KEY = os.environ.get("MYSITE_SECRET_KEY", "demo-key-known-to-everybody-never-use-it-on-a-real-server")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "example.org"]
ALLOWED_HOSTS += [host for host in os.environ.get("MYSITE_HOSTS", "").split(",") if host]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guestbook",
]
if find_spec("fcgi_runner") and find_spec("fcgi_runner.django"):
    INSTALLED_APPS.append("fcgi_runner.django")  # gives `manage.py runfcgi`

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("MYSITE_DATABASE", BASE_DIR / "db.sqlite3"),
        # Several processes write to one file: wait for each other, and never upgrade a read lock.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# Without a leading slash: Django then puts the mount prefix before it, so the same site works at / and at /mysite/.
STATIC_URL = "static/"
STATIC_ROOT = os.environ.get("MYSITE_STATIC_ROOT", BASE_DIR / "staticfiles")
MEDIA_ROOT = os.environ.get("MYSITE_MEDIA_ROOT", BASE_DIR / "media")

# Everything to the standard error, which fcgi-run writes to `errlog` and hands to the web server's log.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
