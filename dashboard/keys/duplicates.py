"""The same RemBG key twice in a team (K3); what other teams have is nobody's business."""

import hmac

from dashboard.keys.models import ApiKey
from dashboard.lib.sealing import SealError
from dashboard.teams.models import Team


def find_same(team: Team, secret: str, *, besides: ApiKey | None = None) -> ApiKey | None:
    """Return the team's key with this secret, if any; call it in the transaction that saves.

    Sealed twice, one secret has two ciphertexts, so that only opening tells. The team's row is
    locked first: of two people who add the same key at once, one sees the other's.
    """
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    same = None
    for key in team.api_keys.active().by_account():
        if key == besides:
            continue
        try:
            opened = key.open()
        except SealError:
            continue
        if hmac.compare_digest(opened.encode(), secret.encode()):
            same = same or key
    return same
