"""The disk fills under a client's answer (promises R5, R19): what was sent is not called unsent."""

import io
from contextlib import suppress

import pytest

from dashboard.rembg import errors
from dashboard.rembg.parameters import Parameters
from tests.disks import KB, Refusing, fill, small_disk
from tests.rembg.conftest import drawn
from tests.rembg.hostile import always, hostile, http

LARGE = drawn(640, 480, "BMP")  # 900 KB
STEPS = 25  # As many operations as there are on a file for this answer, and some more.


def answering(picture: bytes):
    return hostile(always(http(200, picture, Content_Type="image/bmp")))


def outcome_of(client, photo, target):
    """Return how it failed; None where it did not."""
    try:
        client.remove(io.BytesIO(photo), target, Parameters(format="bmp"))
    except (OSError, errors.RembgError) as exc:
        return exc
    return None


def assert_honest(outcome, server):
    """An OSError says that nothing was asked; whatever was answered is paid for."""
    if isinstance(outcome, OSError):
        assert server.connections == 0
    elif outcome is not None:
        assert len(server.bodies) == 1
        assert (type(outcome), outcome.charged) == (errors.NotStored, "yes")


def test_r19_a_file_that_refuses_from_any_operation_on(client_of, photo):
    outcomes = []
    for after in range(STEPS):
        with answering(LARGE) as server:
            outcomes.append(outcome_of(client_of(server.url), photo, Refusing(after)))
            assert_honest(outcomes[-1], server)

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds[0] is OSError
    assert errors.NotStored in kinds
    assert kinds[-1] is type(None)


@pytest.mark.parametrize("opened", [True, False], ids=["file", "path"])
@pytest.mark.parametrize("leaving", [0, 1, 4 * KB, 300 * KB, 800 * KB])
def test_r19_a_disk_that_fills_up_while_the_answer_comes(
    client_of, photo, tmp_path, leaving, opened
):
    with small_disk(tmp_path / "disk") as place:
        path = place / "answer"

        def script(line):
            line.request()
            fill(place, leaving=leaving)
            line.send(http(200, LARGE, Content_Type="image/bmp"))

        with hostile(script) as server, path.open("w+b") as file:
            outcome = outcome_of(client_of(server.url), photo, file if opened else path)
            with suppress(OSError):
                file.close()  # What is in its buffer has no place, either.

        assert_honest(outcome, server)
        assert isinstance(outcome, errors.NotStored)
        assert opened or not path.exists()
