"""The access line of a request: enough to find it, and no secret (K5, A4)."""

import pytest

SECRET = "rbi_" + "a1B2" * 12 + "c"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"/invitations/{SECRET}/", id="invitation"),
        pytest.param(f"/accounts/password/reset/key/1a-{SECRET}/", id="reset"),
    ],
)
def test_k5_what_opens_a_door_is_not_in_the_access_line(client, db, caplog, path):
    with caplog.at_level("INFO", logger="dashboard.access"):
        client.get(path)

    lines = [record.path for record in caplog.records if record.name == "dashboard.access"]
    assert lines
    assert not [line for line in lines if SECRET in line]
    assert lines[0].startswith(path.split(SECRET)[0].removesuffix("1a-"))
