"""What a removal can be, cost and come from, and how far it can be."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """The job state machine of promises 3.1."""

    QUEUED = "queued", _("Waiting")
    LEASED = "leased", _("Getting ready")
    SENDING = "sending", _("At RemBG")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Unknown")


class Charged(models.TextChoices):
    """What a removal cost: one credit, none, or we cannot know."""

    YES = "yes", _("1 credit")
    NO = "no", _("No credit")
    UNKNOWN = "unknown", _("Unknown")


class Source(models.TextChoices):
    """How a picture came to us."""

    FORM = "form", _("Upload form")
    GATEWAY = "gateway", _("API")


class Phase(models.TextChoices):
    """How far the one request to RemBG is."""

    SENDING = "sending", _("Sending to RemBG")
    WAITING = "waiting", _("RemBG is working")
    RECEIVING = "receiving", _("Receiving the result")


FINAL = (State.DONE, State.FAILED, State.UNKNOWN)
RUNNING = (State.LEASED, State.SENDING)
# After so many leases that ended with their worker, the picture itself is suspected (R15).
LOST_LEASES_UNTIL_PARKED = 3
