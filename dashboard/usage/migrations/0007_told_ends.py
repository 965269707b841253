from django.db import migrations
from django.db.models import OuterRef, Subquery
from django.utils import timezone


def tell_ends(apps, schema_editor):
    """Take the ends that `billingCycle` told from the readings that are kept.

    Until now a cycle took over the ends of RemBG's list, which are inferred there. The ends of all
    cycles are settled anew when the account's next list is read: it is due at once.
    """
    Snapshot = apps.get_model("usage", "Snapshot")
    Cycle = apps.get_model("usage", "Cycle")
    Account = apps.get_model("keys", "Account")
    told = Snapshot.objects.filter(
        account=OuterRef("account"),
        mode="current",
        outcome__in=("ok", "partial"),
        period_start_at=OuterRef("start_at"),
        period_end_at__isnull=False,
    ).order_by("-asked_at")
    Cycle.objects.filter(kind_guessed=False).update(
        told_end_at=Subquery(told.values("period_end_at")[:1]),
        counted_from_at=Subquery(told.order_by("asked_at").values("asked_at")[:1]),
        counted_until_at=Subquery(told.values("asked_at")[:1]),
    )
    # The ends of the others came from the list: they are not sure.
    Cycle.objects.filter(told_end_at=None).update(end_source="listed")
    Account.objects.update(cycles_due_at=timezone.now())


class Migration(migrations.Migration):

    dependencies = [("usage", "0006_ends_of_cycles"), ("keys", "0006_removed_credits")]

    operations = [migrations.RunPython(tell_ends, migrations.RunPython.noop)]
