"""The WSGI application."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from dashboard.lib.bodies import AT_ONCE, PER_PEER, BoundedBodies
from dashboard.lib.dechunk import dechunked
from dashboard.lib.door import narrow
from dashboard.lib.languages import remember_texts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

django = dechunked(get_wsgi_application())
remember_texts()
# Behind a proxy every request has the proxy's address, and the proxy buffers bodies.
bounded = BoundedBodies(django, per_peer=AT_ONCE if settings.BEHIND_PROXY else PER_PEER)
application = narrow(bounded)
