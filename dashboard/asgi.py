"""The application as the web server runs it."""

from django.conf import settings

from dashboard.wsgi import application as wsgi  # isort: skip  # It sets Django up for the next.
from dashboard.gateway.authentication import may_open
from dashboard.lib.wsgi_adapter import AT_ONCE, PER_PEER, WsgiAdapter

application = WsgiAdapter(
    wsgi,
    folder=settings.FILE_UPLOAD_TEMP_DIR,
    reads=may_open,
    # Each web process has its share. Behind a proxy every request has the proxy's address.
    at_once=AT_ONCE // settings.WEB_WORKERS,
    per_peer=(AT_ONCE if settings.BEHIND_PROXY else PER_PEER) // settings.WEB_WORKERS,
)
