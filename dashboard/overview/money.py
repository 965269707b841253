"""Credits into money, exactly: Decimal, one rounding, and lines that add up to their total.

A total is credits x price, rounded half up to the currency's smallest amount. Its lines are rounded
down, and what is missing goes, one smallest amount each, to those that lost most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from django.utils.formats import number_format

from dashboard.lib import currencies

# Wide enough for any counter times any price: nothing is rounded but where it is said.
EXACT = Context(prec=60)


@dataclass(frozen=True)
class Price:
    """What a credit costs, and in which currency (ISO 4217)."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        exact = self.amount.normalize()
        places = max(-int(exact.as_tuple().exponent), currencies.decimals(self.currency))
        return f"{number_format(exact, decimal_pos=places, force_grouping=True)} {self.currency}"

    def of(self, credits: int) -> Decimal:
        """Return what so many credits cost, rounded half up to the smallest amount."""
        return EXACT.multiply(self.amount, Decimal(credits)).quantize(
            currencies.smallest(self.currency), rounding=ROUND_HALF_UP, context=EXACT
        )

    def shared(self, total: Decimal, credits: Sequence[int]) -> list[Decimal]:
        """Share a total among lines of so many credits each, so that they add up to it.

        `total` is less than one smallest amount away from what the credits cost together.
        """
        step = currencies.smallest(self.currency)
        exact = [EXACT.multiply(self.amount, Decimal(count)) for count in credits]
        floors = [one.quantize(step, rounding=ROUND_FLOOR, context=EXACT) for one in exact]
        missing = int((total - sum(floors, Decimal(0))) / step)
        by_loss = sorted(range(len(exact)), key=lambda i: (floors[i] - exact[i], i))
        raised = set(by_loss[:missing])
        return [one + step if i in raised else one for i, one in enumerate(floors)]

    def said(self, amount: Decimal) -> str:
        """Return "1,234.50 EUR"."""
        places = currencies.decimals(self.currency)
        return f"{number_format(amount, decimal_pos=places, force_grouping=True)} {self.currency}"
