"""What a credit costs a team: its own figure, by account, from a day on."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dashboard.lib import currencies

PLACES = 6


class CreditPriceQuerySet(models.QuerySet["CreditPrice"]):
    """Named questions about prices."""

    def newest_first(self) -> CreditPriceQuerySet:
        return self.order_by("-from_at", "-pk")


class CreditPrice(models.Model):
    """What a credit of an account costs from a moment on, until another price holds."""

    account = models.ForeignKey("keys.Account", models.CASCADE, related_name="prices")
    amount = models.DecimalField(
        _("price of a credit"),
        max_digits=12,
        decimal_places=PLACES,
        validators=[MinValueValidator(0)],
    )
    currency = models.CharField(
        _("currency"), max_length=3, choices=[(code, code) for code in currencies.CODES]
    )
    # The first moment of a day in the team's zone; a moment, so that a later zone changes nothing.
    from_at = models.DateTimeField(_("holds from"))
    set_at = models.DateTimeField()

    objects = CreditPriceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "from_at"], name="creditprice_one_a_moment"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="creditprice_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}"


def holding(prices: list[CreditPrice], *, at: datetime) -> CreditPrice | None:
    """Return the one of an account's prices that holds at a moment, None before the first."""
    begun = [price for price in prices if price.from_at <= at]
    return max(begun, key=lambda price: price.from_at, default=None)
