#!/bin/sh
# Any WSGI application: app=module:callable, found in the folder that pythonpath names.
exec /home/user/mysite/.venv/bin/fcgi-run app=mysite.wsgi:application pythonpath=/home/user/mysite touchreload="$0"
