"""The life of a removal (promises 3.1): what is sent once is sent once, and nothing is lost."""

import resource
import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from huey.contrib.djhuey import HUEY

from dashboard.keys.models import ApiKey
from dashboard.removals import files, sending, sweeping
from dashboard.removals.models import Removal, State
from dashboard.removals.tasks import claim_next, tidy_each_hour, work, work_one
from tests.conftest import add_key, join, person
from tests.ports import refusing
from tests.rembg import samples
from tests.rembg.hostile import hostile
from tests.removals.conftest import REMOVALS, desk_of, subject

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def now():
    return timezone.now()


def upstream(settings, server):
    """Let the product speak to this server."""
    settings.REMBG_API_URL = server.url


@pytest.fixture(autouse=True)
def _fresh_breakers():
    """A host's bad minute is not the next test's, nor are its doorbells."""
    sending.allowance = type(sending.allowance)()
    HUEY.storage.flush_queue()


def test_a_claimed_removal_is_nobody_elses(desk):
    removal = desk.queue()

    first, second = claim_next(at=now()), claim_next(at=now())

    assert first == removal
    assert second is None
    assert first.state == State.LEASED


def test_leased_and_lost_goes_back_into_the_queue_for_nothing_was_sent(desk, sandbox):
    removal = desk.queue()
    claim_next(at=now())

    assert sweeping.sweep(at=now()).queued == 0
    assert sweeping.sweep(at=now() + 2 * MINUTE).queued == 1

    assert desk.work(removal, later=3 * MINUTE).state == "done"


def test_f5_sending_and_lost_is_unknown_and_never_sent_again(desk, sandbox, key):
    removal = desk.queue()
    claimed = claim_next(at=now())
    claimed.begin_sending(key, at=now(), until=sending.lease_end(now()))

    swept = sweeping.sweep(at=now() + HOUR)

    desk.work(removal, rounds=2, later=2 * HOUR)
    assert swept.unknown == 1
    assert (removal.state, removal.charged) == ("unknown", "unknown")
    assert removal.message.startswith("This site's own process stopped")
    assert sandbox.ledger("sandbox-premium") == []


def test_r5_a_stored_result_that_the_disk_spoilt_is_paid_for_and_said_so(desk, key):
    removal = desk.queue(format="png")
    claimed = claim_next(at=now())
    claimed.begin_sending(key, at=now(), until=sending.lease_end(now()))
    with files.writing(sending.result_name(claimed)) as result:
        result.write(subject()[:200])

    sweeping.sweep(at=now() + HOUR)

    removal.refresh_from_db()
    assert (removal.state, removal.charged, removal.error) == ("failed", "yes", "not_stored")


def test_r23_one_that_cannot_be_swept_keeps_no_other_waiting(desk, key):
    """Whichever comes first, and whether its time or its lease is over."""
    stuck = [desk.queue(name=f"{n}.png", format="png") for n in range(4)]
    for _ in stuck:
        claim_next(at=now()).begin_sending(key, at=now(), until=sending.lease_end(now()))
    result = files._path(sending.result_name(Removal.objects.get(pk=stuck[0].pk)))
    result.mkdir(parents=True)
    for removal in stuck[::2]:
        picture = files._path(removal.picture)
        picture.unlink()
        (picture / "full").mkdir(parents=True)

    first = sweeping.sweep(at=now() + HOUR)
    second = sweeping.sweep(at=now() + timedelta(days=31))

    assert first.unknown == 3
    assert second.expired == 2
    assert not any(files.exists(each.picture) for each in stuck[1::2])


def test_sending_and_lost_with_its_result_stored_is_done(desk, sandbox, key):
    removal = desk.queue(format="png")
    claimed = claim_next(at=now())
    claimed.begin_sending(key, at=now(), until=sending.lease_end(now()))
    with files.writing(sending.result_name(claimed)) as result:
        result.write(subject())

    swept = sweeping.sweep(at=now() + HOUR)

    removal.refresh_from_db()
    assert swept.recovered == 1
    assert (removal.state, removal.charged, removal.result_width) == ("done", "yes", 480)


def test_an_answer_that_comes_after_all_ends_the_doubt(desk, key):
    removal = desk.queue(format="png")
    claimed = claim_next(at=now())
    claimed.begin_sending(key, at=now(), until=now())
    sweeping.sweep(at=now() + MINUTE)

    claimed.finish(at=now(), result="results/1/x.png", result_type="image/png")

    removal.refresh_from_db()
    assert (removal.state, removal.charged) == ("done", "yes")


def test_a_worker_that_lost_its_lease_is_not_heard(desk, key):
    removal = desk.queue()
    slow = claim_next(at=now())
    sweeping.sweep(at=now() + 2 * MINUTE)
    quick = claim_next(at=now() + 3 * MINUTE)

    assert slow.begin_sending(key, at=now(), until=now()) is False
    assert quick.begin_sending(key, at=now(), until=now() + HOUR) is True
    removal.refresh_from_db()
    assert removal.attempts == 1


def test_r15_a_picture_that_ends_its_worker_three_times_is_set_aside(desk):
    removal = desk.queue()
    for _ in range(3):
        claim_next(at=now())
        sweeping.sweep(at=now() + 2 * MINUTE)
        Removal.objects.update(not_before_at=now())

    removal.refresh_from_db()
    assert (removal.state, removal.error, removal.charged) == ("failed", "parked", "no")


def test_r10_teams_take_turns(desk, evil, mallory):
    add_key(evil.accounts.create(label="Theirs"), "sandbox-calendar")
    ours = [desk.queue() for _ in range(4)]
    other = desk_of(mallory).browser
    answer = other.post(
        REMOVALS.replace("acme", "evil"),
        {"image": SimpleUploadedFile("a.png", subject())},
        headers={"Accept": "application/json"},
    )
    theirs = answer.json()["id"]

    claimed = [claim_next(at=now()) for _ in range(3)]

    assert theirs in [str(removal.pk) for removal in claimed[:2]]
    assert [removal for removal in claimed if str(removal.pk) != theirs] == ours[:2]


def test_a_doorbell_that_rings_twice_or_never_changes_nothing(desk, sandbox):
    removals = [desk.queue(format="png") for _ in range(2)]

    for _ in range(5):
        work.func()

    assert {desk.work(removal).state for removal in removals} == {"done"}
    assert len(sandbox.ledger("sandbox-premium")) == 2


@pytest.mark.django_db(transaction=True)
def test_the_queue_does_not_remember_doorbells_for_ever_and_still_answers_them(desk, sandbox):
    removal = desk.queue()
    assert HUEY.storage.result_store_size() > 0

    tidy_each_hour.call_local()
    HUEY.execute(HUEY.dequeue())

    removal.refresh_from_db()
    assert removal.state == "done"


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_do_each_removal_once(desk, sandbox, key):
    for n in range(6):
        desk.queue(subject(size=(40 + n, 30)), format="png")

    def worker() -> None:
        while work_one(clock=now):
            pass
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(Removal.objects.values_list("state", flat=True)) == ["done"] * 6
    charged = [charge["sha256"] for charge in sandbox.ledger("sandbox-premium")]
    assert sorted(charged) == sorted(Removal.objects.values_list("picture_sha256", flat=True))


def test_f1_without_upstream_it_waits_for_a_day_and_uses_up_no_attempt(desk, settings):
    settings.REMBG_API_URL = "http://127.0.0.1:9"
    removal = desk.queue()

    waiting = desk.work(removal, rounds=10)
    assert (waiting.state, waiting.charged, waiting.attempts) == ("queued", "no", 0)
    assert waiting.not_before_at > now()
    ended = desk.work(removal, later=25 * HOUR)

    assert (ended.state, ended.charged, ended.error) == ("failed", "no", "unreachable")


def test_r2_in_one_outage_all_that_wait_have_one_fate(desk, settings, sandbox):
    waiting = [desk.queue(subject(size=(60 + number, 40))) for number in range(12)]
    with refusing() as settings.REMBG_API_URL:
        for minute in range(4):
            for _ in waiting:
                work_one(clock=lambda passed=minute * MINUTE: now() + passed)
    assert set(Removal.objects.values_list("state", "attempts")) == {("queued", 0)}

    settings.REMBG_API_URL = sandbox.url
    for _ in waiting:
        work_one(clock=lambda: now() + HOUR)

    assert set(Removal.objects.values_list("state", "charged")) == {("done", "yes")}
    assert len(sandbox.ledger("sandbox-premium")) == 12


@pytest.mark.parametrize(
    ("secret", "state", "charged", "error"),
    [
        pytest.param("sandbox-fault-bad_key", "failed", "no", "keys_refused", id="F15"),
        pytest.param("sandbox-fault-unverified", "failed", "no", "keys_refused", id="F16"),
        pytest.param("sandbox-fault-rate_daily", "failed", "no", "rate_daily", id="F18"),
        pytest.param("sandbox-fault-rate_monthly", "failed", "no", "rate_monthly", id="F19"),
        pytest.param("sandbox-fault-bg_color", "failed", "no", "bg_color", id="F13"),
        pytest.param("sandbox-fault-reset", "unknown", "unknown", None, id="F5"),
        pytest.param("sandbox-fault-truncated", "unknown", "unknown", None, id="F7"),
        pytest.param("sandbox-fault-html", "unknown", "unknown", "wrong_answer", id="F10-html"),
        pytest.param("sandbox-fault-garbage", "unknown", "unknown", None, id="F10-garbage"),
        pytest.param("sandbox-fault-redirect", "failed", "no", "redirected", id="F23"),
        pytest.param("sandbox-fault-flaky", "unknown", "unknown", "upstream_error", id="F22"),
    ],
)
def test_what_upstream_does_wrong_is_told_with_its_cost(
    desk, sandbox, key, secret, state, charged, error
):
    key.seal(secret)
    key.save()

    removal = desk.work(desk.queue(), rounds=3)

    assert (removal.state, removal.charged) == (state, charged)
    assert removal.error == (error or removal.error)
    told = desk.status(removal)
    assert told["error"] and told["charged"] == charged
    page = desk.browser.get(f"{REMOVALS}{removal.pk}/").content.decode()
    safe = "No credit was spent." if charged == "no" else "usage will tell whether it cost one"
    assert safe in page


def test_f17_a_short_limit_lets_the_key_rest_and_the_picture_wait(desk, sandbox, key):
    key.seal("sandbox-fault-rate_short")
    key.save()

    before = now()
    removal = desk.work(desk.queue())
    work_one(clock=now)

    key.refresh_from_db()
    removal.refresh_from_db()
    assert (removal.state, removal.charged) == ("queued", "no")
    assert key.rest_reason == "rate_short"
    assert before + 5 * SECOND < removal.not_before_at < now() + 20 * SECOND
    assert "Waiting to try again in" in desk.status(removal)["phase_label"]

    desk.work(removal, rounds=8, later=MINUTE)
    assert (removal.state, removal.attempts) == ("failed", 3)


def test_f18_a_daily_limit_ends_at_midnight_utc(desk, sandbox, key):
    key.seal("sandbox-fault-rate_daily")
    key.save()

    desk.work(desk.queue(), rounds=2)

    key.refresh_from_db()
    assert (key.resting_until.hour, key.resting_until.minute) == (0, 0)
    assert timedelta() < key.resting_until - now() <= timedelta(days=1)


@pytest.mark.parametrize("secret", ["bad_key", "rate_daily", "rate_monthly", "rate_short"])
def test_another_account_does_what_one_refuses(desk, sandbox, key, acme, account, secret):
    key.seal(f"sandbox-fault-{secret}")
    key.save()
    account.spendable_credits = 5000
    account.save()
    spare = acme.accounts.create(label="Spare", spendable_credits=10)
    add_key(spare, "sandbox-premium", "Spare key")

    removal = desk.work(desk.work(desk.queue()))

    assert (removal.state, removal.account, removal.attempts) == ("done", spare, 2)


def test_the_account_that_was_asked_for_pays_or_nobody_does(desk, sandbox, key, acme, account):
    key.seal("sandbox-fault-rate_daily")
    key.save()
    add_key(acme.accounts.create(label="Spare"), "sandbox-premium", "Spare key")

    removal = desk.work(desk.queue(account=str(account.pk)), rounds=2)

    assert (removal.state, removal.error) == ("failed", "rate_daily")
    assert sandbox.ledger("sandbox-premium") == []


def test_the_account_with_most_to_spend_pays(desk, sandbox, acme, account):
    account.spendable_credits = 10
    account.save()
    rich = acme.accounts.create(label="Rich", spendable_credits=900)
    add_key(rich, "sandbox-premium-2", "Rich key")

    assert desk.remove().account == rich


def test_k15_with_another_encryption_key_a_removal_waits_until_the_right_one_is_back(
    desk, sandbox, settings
):
    right = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["k1:b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyMTI="]
    removal = desk.remove()
    assert (removal.state, removal.error, removal.attempts) == ("queued", "keys_locked", 0)

    settings.ENCRYPTION_KEYS = right
    work_one(clock=lambda: timezone.now() + timedelta(minutes=2))

    removal.refresh_from_db()
    assert (removal.state, removal.charged) == ("done", "yes")


def test_k15_a_paused_key_beside_locked_ones_does_not_end_the_wait(desk, sandbox, key, settings):
    add_key(key.account, "sandbox-premium-2", "Paused")
    ApiKey.objects.filter(label="Paused").update(paused_at=timezone.now())
    settings.ENCRYPTION_KEYS = ["k1:b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyMTI="]

    removal = desk.remove()

    assert (removal.state, removal.error) == ("queued", "keys_locked")


def test_f10_only_admins_see_how_a_strange_answer_began(desk, sandbox, key, adam):
    key.seal("sandbox-fault-html")
    key.save()
    removal = desk.remove()
    address = f"{REMOVALS}{removal.pk}/"

    assert "Bad gateway" in desk_of(adam).browser.get(address).content.decode()
    assert "Bad gateway" not in desk.browser.get(address).content.decode()


def test_f6_without_an_answer_in_time_nobody_can_tell(desk, settings):
    settings.REMBG_DEADLINE_SECONDS = 3  # Enough for the picture to go up on any machine.

    with hostile(lambda line: (line.request(), line.wait())) as server:
        upstream(settings, server)
        removal = desk.remove()

    assert (removal.state, removal.charged) == ("unknown", "unknown")
    assert len(server.bodies) == 1


def test_u17_what_upstream_gets_has_no_metadata_and_the_pictures_true_type(desk, settings):
    with hostile(lambda line: (line.request(), line.reset())) as server:
        upstream(settings, server)
        desk.remove(subject("JPEG", exif=samples.exif_of(6)), "CANARY-name.png", format="png")

    assert b"CANARY" not in server.bodies[0]
    assert b"Content-Type: image/jpeg" in server.bodies[0]


def test_no_call_to_upstream_happens_inside_a_transaction(transactional_db, desk, settings):
    seen = []

    def script(line) -> None:
        line.request()
        line.reset()

    with hostile(script) as server:
        upstream(settings, server)
        removal = desk.queue()
        claimed = claim_next(at=now())
        watched = _Watching(seen)
        sending.send(claimed, clock=watched)

    removal.refresh_from_db()
    assert removal.state == "unknown"
    assert seen and not any(seen)


class _Watching:
    """A clock that notes, each time it is asked, whether a transaction is open."""

    def __init__(self, seen: list) -> None:
        self.seen = seen

    def __call__(self):
        self.seen.append(connection.in_atomic_block)
        return now()


def test_progress_is_told_in_the_fields_of_rembg_js(desk, key):
    removal = desk.queue()
    claimed = claim_next(at=now())
    claimed.begin_sending(key, at=now(), until=now() + HOUR)
    up = {"loaded": 50, "total": 100, "progress": 0.5, "bytes": 50, "rate": None, "upload": True}

    claimed.note_progress("sending", until=now() + HOUR, up=up)

    told = desk.status(removal)
    assert (told["state"], told["phase"]) == ("sending", "sending")
    assert told["phase_label"] == "Sending to RemBG"
    assert told["up"] == {name: value for name, value in up.items() if value is not None}
    assert told["charged"] is None


def test_s17_pictures_go_when_their_time_is_over_and_the_row_stays(desk, sandbox, acme):
    removal = desk.remove(format="png")
    names = [removal.picture, removal.result]

    early = sweeping.sweep(at=now() + timedelta(days=29))
    late = sweeping.sweep(at=now() + timedelta(days=31))

    removal.refresh_from_db()
    assert (early.expired, late.expired) == (0, 1)
    assert not any(files.exists(name) for name in names)
    assert (removal.state, removal.charged) == ("done", "yes")
    assert desk.browser.get(f"{REMOVALS}{removal.pk}/result").status_code == 404
    assert "were deleted" in desk.browser.get(f"{REMOVALS}{removal.pk}/").content.decode()


def test_files_that_nobody_names_go_after_an_hour(desk, sandbox, settings):
    removal = desk.remove(format="png")
    with files.writing("pictures/1/orphan.png") as orphan:
        orphan.write(b"x")
    (settings.FILE_UPLOAD_TEMP_DIR / "left.upload").write_bytes(b"x")

    assert sweeping.tidy(at=now()) == 0
    assert sweeping.tidy(at=now() + 2 * HOUR) == 2

    assert not files.exists("pictures/1/orphan.png")
    assert files.exists(removal.picture) and files.exists(removal.result)


def test_r5_a_full_disk_takes_no_picture_and_sends_none(desk, sandbox, settings):
    removal = desk.queue()
    settings.ROOM_BYTES = 1 << 60

    answer = desk.send(subject())
    waiting = desk.work(removal)

    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")
    assert waiting.state == "queued"
    assert sandbox.ledger("sandbox-premium") == []


def test_r5_what_cannot_be_written_down_is_told_with_the_credit_it_cost(desk, sandbox):
    removal = desk.queue(format="bmp")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        desk.work(removal)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (removal.state, removal.charged, removal.error) == ("failed", "yes", "not_stored")
    assert "One credit was spent." in desk.status(removal)["error"]
    assert len(sandbox.ledger("sandbox-premium")) == 1
    assert not files.exists(sending.result_name(removal))


def test_a_person_leaves_and_the_name_stays(desk, sandbox, mel):
    removal = desk.remove()

    mel.delete()

    removal.refresh_from_db()
    assert (removal.user, removal.member) == (None, "Mel")


def test_two_persons_of_a_team_have_their_own_names(desk, sandbox, acme):
    nina = join(person("nina"), acme, "member")

    assert desk_of(nina).remove().member == "Nina"
