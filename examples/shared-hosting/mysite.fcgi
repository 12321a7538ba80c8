#!/home/user/mysite/.venv/bin/python
"""A Django site that the web server starts itself."""

import os
import sys

sys.path.insert(0, "/home/user/mysite")
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"

from fcgi_runner.django import runfastcgi

runfastcgi(method="threaded", daemonize="false")
