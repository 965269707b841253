"""What a member, a virtual key or a tag may spend in a cycle, and what was taken of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import connection, models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.teams.models import Membership, Role, Team


class Subject(models.TextChoices):
    """Whose spending a budget bounds."""

    MEMBER = "member", _("Member")
    KEY = "key", _("Virtual key")
    TAG = "tag", _("Tag")


class BudgetQuerySet(models.QuerySet["Budget"]):
    """Named questions about budgets."""

    def binding(self, team: int, *, user: str, key: str, tag: str) -> BudgetQuerySet:
        """Those that a picture of this person, by this virtual key and tag, counts against.

        All by id; "" is nobody and nothing.
        """
        whose = Q(kind=Subject.MEMBER, subject=user)
        whose |= Q(kind=Subject.KEY, subject=key) | Q(kind=Subject.TAG, subject=tag)
        return self.filter(whose, team=team).exclude(subject="").order_by("pk")

    def bounded(self) -> BudgetQuerySet:
        """Those that warn or stop at all."""
        return self.exclude(soft=None, hard=None)

    def of_members(self, team: Team) -> BudgetQuerySet:
        return self.filter(team=team, kind=Subject.MEMBER).select_related("account")

    def of_member(self, team: Team, user_id: int) -> BudgetQuerySet:
        return self.of_members(team).filter(subject=str(user_id))

    def seen_by(self, membership: Membership) -> BudgetQuerySet:
        """Those of the whole team for an admin; else one's own, and those of tags."""
        seen = self.filter(team=membership.team_id).select_related("account").order_by("pk")
        if membership.may(Role.ADMIN):
            return seen
        own = Q(kind=Subject.MEMBER, subject=str(membership.user_id))
        return seen.filter(own | Q(kind=Subject.TAG))


class Budget(models.Model):
    """What one subject may spend in a cycle, in credits: `soft` warns, `hard` refuses.

    `subject` is a person's id, a virtual key's id or a tag. Neither limit set only counts.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="budgets")
    kind = models.CharField(max_length=8, choices=Subject)
    subject = models.CharField(max_length=40)
    # As people read it; stays readable after the subject is gone.
    name = models.CharField(max_length=254)
    soft = models.PositiveIntegerField(_("warn at"), null=True, blank=True)
    hard = models.PositiveIntegerField(_("stop at"), null=True, blank=True)
    # Whose cycle it follows; None follows the team's first account.
    account = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="+")

    objects = BudgetQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "kind", "subject"], name="budget_once_a_subject"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Subject.values), name="budget_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(soft=None) | Q(hard=None) | Q(soft__lte=F("hard")),
                name="budget_warns_before_it_stops",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}"

    @property
    def is_bounded(self) -> bool:
        """Say whether it warns or stops at all."""
        return self.soft is not None or self.hard is not None


class SpendingQuerySet(models.QuerySet["Spending"]):
    """Named questions about spendings."""

    def covering(self, moment: datetime) -> SpendingQuerySet:
        """Those whose cycle a moment lies in: more than one where RemBG moved its window (D8)."""
        return self.filter(start_at__lte=moment, end_at__gt=moment)

    def at_a_limit(self) -> SpendingQuerySet:
        """Those of budgets that warn or are spent."""
        return self.filter(Q(taken__gte=F("budget__soft")) | Q(taken__gte=F("budget__hard")))

    def take(self, *, below: int | None = None) -> bool:
        """Take one credit if less than `below` are taken: one conditional UPDATE (promises 0.6)."""
        open_rows = self if below is None else self.filter(taken__lt=below)
        return bool(open_rows.update(taken=F("taken") + 1))

    def give_back(self) -> None:
        """Give one credit back in each."""
        self.filter(taken__gt=0).update(taken=F("taken") - 1)


class Spending(models.Model):
    """What was taken of a budget in one cycle `[start_at, end_at)`, in credits.

    It is always the number of the subject's removals that were accepted in the cycle and cost a
    credit, may have, or still may: whoever changes that number changes this row in the same
    transaction, under `hold`.
    """

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="spendings")
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    taken = models.PositiveIntegerField(default=0)

    objects = SpendingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["budget", "start_at"], name="spending_once_a_budget_and_cycle"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.taken} of {self.budget_id} since {self.start_at:%Y-%m-%d}"


def hold(team_id: int) -> None:
    """Let nobody else change what this team has spent until the transaction ends.

    Else a row could be made from a count that another one, still open, is about to change. SQLite
    has one writer anyway.
    """
    if connection.features.has_select_for_update:
        # no_key: rows may still refer to the team.
        Team.objects.select_for_update(no_key=True).only("pk").get(pk=team_id)
