#!/bin/bash
# Starts the site, and starts it anew when it runs: the script of Django's FastCGI documentation.

# Replace these settings.
PROJDIR="/srv/mysite"
RUNNER="/srv/mysite/.venv/bin/fcgi-run"
SOCKET="/run/mysite/mysite.sock"
PIDFILE="/run/mysite/mysite.pid"

cd "$PROJDIR" || exit 1
if [ -f "$PIDFILE" ]; then
    kill "$(cat -- "$PIDFILE")"
    rm -f -- "$PIDFILE"
fi

exec /usr/bin/env - \
    PYTHONPATH="../python:.." \
    "$RUNNER" socket="$SOCKET" pidfile="$PIDFILE" errlog=errors.log
