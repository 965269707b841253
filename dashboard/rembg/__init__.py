"""The RemBG client: one wire, three servers (rembg.com, our gateway, our sandbox). No Django.

`rembg` is the counterpart of rembg.js; `errors` holds all that can go wrong.
"""

from dashboard.rembg import errors
from dashboard.rembg.counterpart import Result, rembg
from dashboard.rembg.errors import RembgError
from dashboard.rembg.progress import Progress
from dashboard.rembg.wire import Timeouts

__all__ = ["Progress", "RembgError", "Result", "Timeouts", "errors", "rembg"]
