"""The WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

from dashboard.lib.dechunk import dechunked

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

application = dechunked(get_wsgi_application())
