"""What a credit costs a team: its own figure, for all accounts or for one, from a day on."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dashboard.lib import currencies
from dashboard.teams.models import Team

PLACES = 6


class CreditPriceQuerySet(models.QuerySet["CreditPrice"]):
    """Named questions about prices."""

    def of_team(self, team: Team) -> CreditPriceQuerySet:
        """Return the team's prices and those of its accounts."""
        return self.filter(Q(team=team) | Q(account__team=team))

    def that_may_hold_for(self, account: UUID, *, team: int) -> CreditPriceQuerySet:
        """Return an account's own prices and its team's."""
        return self.filter(Q(team=team) | Q(account=account))

    def newest_first(self) -> CreditPriceQuerySet:
        return self.order_by("-from_at", "-pk")


class CreditPrice(models.Model):
    """What a credit costs from a moment on, until another price holds.

    It is an account's own, or the team's: then it holds for accounts without a price of their own.
    """

    account = models.ForeignKey("keys.Account", models.CASCADE, null=True, related_name="prices")
    team = models.ForeignKey("teams.Team", models.CASCADE, null=True, related_name="prices")
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
            models.UniqueConstraint(
                fields=["team", "from_at"], name="creditprice_of_team_one_a_moment"
            ),
            models.CheckConstraint(
                condition=Q(account=None, team__isnull=False) | Q(account__isnull=False, team=None),
                name="creditprice_of_account_or_team",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="creditprice_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}"


def holding(prices: list[CreditPrice], *, at: datetime) -> CreditPrice | None:
    """Return the price that holds for an account at a moment, None before the first.

    `prices` are its own and its team's: its own goes before, whenever the team's began.
    """
    begun = [price for price in prices if price.from_at <= at]
    return max(begun, key=lambda one: (one.account_id is not None, one.from_at), default=None)
