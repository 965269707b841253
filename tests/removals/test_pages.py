"""The pages: what each person sees and may do, with and without JavaScript."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from dashboard.rembg.errors import RembgError
from dashboard.removals import files, sweeping
from dashboard.removals.errors import ProcessEnded
from dashboard.removals.models import Removal
from dashboard.removals.tasks import claim_next
from dashboard.teams.models import AuditEntry
from tests.conftest import add_key, join, person
from tests.removals.conftest import JSON, REMOVALS, Desk, desk_of, subject

HTMX = {"HX-Request": "true"}


def page(desk: Desk, address: str = REMOVALS, **query: str) -> str:
    answer = desk.browser.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def failed(desk: Desk, key) -> Removal:
    key.seal("sandbox-fault-bg_color")
    key.save()
    return desk.remove(name="fails.png")


def unknown(desk: Desk, key) -> Removal:
    removal = desk.queue(name="lost.png")
    claim_next(at=timezone.now()).begin_sending(key, at=timezone.now(), until=timezone.now())
    sweeping.sweep(at=timezone.now() + timedelta(hours=1))
    removal.refresh_from_db()
    return removal


def test_without_javascript_a_form_leads_to_the_removals_page(desk):
    image = SimpleUploadedFile("cat.png", subject())

    answer = desk.browser.post(REMOVALS, {"image": image, "format": "png", "boxes": "shown"})

    removal = Removal.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{REMOVALS}{removal.pk}/")
    assert "You can close this page" in page(desk, answer["Location"])


def test_without_javascript_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(desk):
    answer = desk.browser.post(REMOVALS, {"w": "abc", "h": "640", "bg_color": "#12345"})

    text = answer.content.decode()
    assert answer.status_code == 400
    assert "&#x27;w&#x27; must be an integer, got: &#x27;abc&#x27;" in text
    assert "No image file provided." in text
    assert 'value="640"' in text
    assert "Invalid color format" in text


def test_a_viewer_sees_the_list_and_no_form(desk, sandbox, victor):
    desk.remove(name="cat.png")

    text = page(desk_of(victor))

    assert "cat.png" in text
    assert "data-upload" not in text


@pytest.mark.parametrize("deed", ["", "again", "delete-pictures"])
def test_a9_a_viewer_changes_nothing(desk, sandbox, victor, key, deed):
    removal = failed(desk, key)
    address = f"{REMOVALS}{removal.pk}/{deed}" if deed else REMOVALS

    assert desk_of(victor).browser.post(address).status_code == 403


@pytest.mark.parametrize("deed", ["again", "delete-pictures"])
def test_t22_a_look_changes_nothing(desk, key, sandbox, deed):
    removal = failed(desk, key)

    assert desk.browser.get(f"{REMOVALS}{removal.pk}/{deed}").status_code == 405


def test_t15_without_its_token_a_picture_is_refused(mel, key):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(mel)
    image = SimpleUploadedFile("cat.png", subject())

    assert browser.post(REMOVALS, {"image": image}).status_code == 403
    assert not Removal.objects.exists()


def test_t15_with_its_token_a_picture_is_taken(mel, key):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(mel)
    token = browser.get(REMOVALS).context["csrf_token"]
    image = SimpleUploadedFile("cat.png", subject())

    answer = browser.post(REMOVALS, {"image": image}, headers={**JSON, "X-CSRFToken": str(token)})

    assert answer.status_code == 201


class Untouched:
    """A body that nobody should read."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("the body was read")

    readline = read


def test_a_strangers_upload_is_not_even_read(desk, mallory):
    answer = desk_of(mallory).browser.generic(
        "POST",
        REMOVALS,
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH="5000",
        **{"wsgi.input": Untouched()},
    )

    assert answer.status_code == 404


def test_the_list_says_who_what_and_how_much(desk, sandbox):
    desk.remove(name="cat.png", format="png", w="240", bg_color="#ffffff")

    text = page(desk)

    for part in ("cat.png", "PNG, 240 px wide, on white", "Mel", "1 credit", "Done"):
        assert part in text


def test_the_list_can_be_narrowed(desk, sandbox, acme, key):
    nina = join(person("nina"), acme, "member")
    desk.remove(name="mine.png")
    desk_of(nina).remove(name="hers.png")
    failed(desk, key)

    mine = page(desk, whose="mine")
    bad = page(desk, state="failed")

    assert "mine.png" in mine and "hers.png" not in mine
    assert "fails.png" in bad and "mine.png" not in bad
    assert "Nothing fits" in page(desk, state="running")
    assert "mine.png" in page(desk, state="nonsense")


def test_the_list_comes_in_pages_and_as_a_fragment(desk, acme, mel):
    for number in range(27):
        desk.queue(subject(size=(8, 8)), f"{number}.png")

    answer = desk.browser.get(REMOVALS, {"page": "2"}, headers=HTMX)

    text = answer.content.decode()
    assert "26–27 of 27" in text
    assert "<html" not in text and 'id="recent"' in text


def test_the_list_asks_the_database_the_same_whatever_its_length(
    desk, django_assert_max_num_queries
):
    for number in range(12):
        desk.queue(subject(size=(8, 8)), f"{number}.png")

    with django_assert_max_num_queries(20):
        page(desk)


def test_a_page_of_a_running_removal_asks_again_until_it_has_ended(desk, sandbox):
    removal = desk.queue()
    address = f"{REMOVALS}{removal.pk}/"
    running = desk.browser.get(address, headers=HTMX)

    desk.work(removal)
    ended = desk.browser.get(address, headers=HTMX)

    assert (running.status_code, ended.status_code) == (200, 286)
    assert "every 1s" in running.content.decode()
    assert "every 1s" not in ended.content.decode()
    assert "img-comparison-slider" in ended.content.decode()


def test_a_failed_one_runs_again_from_the_stored_picture(desk, sandbox, key):
    removal = failed(desk, key)
    assert "No credit was spent." in page(desk, f"{REMOVALS}{removal.pk}/")
    key.seal("sandbox-premium")
    key.save()

    answer = desk.browser.post(f"{REMOVALS}{removal.pk}/again", {"nonce": str(uuid4())})

    second = Removal.objects.get(again_of=removal)
    assert answer["Location"] == f"{REMOVALS}{second.pk}/"
    assert desk.work(second).state == "done"
    assert second.picture != removal.picture
    assert AuditEntry.objects.filter(action="removal.run_again").exists()


def test_u39_running_again_by_a_double_click_is_one_run(desk, key):
    removal = unknown(desk, key)
    nonce = str(uuid4())

    for _ in range(2):
        desk.browser.post(f"{REMOVALS}{removal.pk}/again", {"nonce": nonce})

    assert removal.runs_again.count() == 1


def test_an_unknown_one_says_what_that_means_and_what_running_again_may_cost(desk, key):
    removal = unknown(desk, key)

    text = page(desk, f"{REMOVALS}{removal.pk}/")

    assert "usage will tell whether it cost one" in text
    assert "Run it again (may cost a second credit)" in text
    assert "data-confirm" in text


# What is over once something else has happened: then the same picture may be run again.
FIRST = [
    leaf.code for leaf in RembgError.family() if leaf.to_person is not None and leaf.runs_again
]


@pytest.mark.parametrize("error", [*FIRST, ProcessEnded.code, "outcome_unknown"])
@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_running_again_is_offered_only_where_the_picture_is_kept(desk, key, state, error):
    removal = unknown(desk, key)
    charged = "unknown" if state == "unknown" else "no"
    Removal.objects.update(state=state, error=error, charged=charged)
    kept = page(desk, f"{REMOVALS}{removal.pk}/").lower()
    Removal.objects.update(files_deleted_at=timezone.now())
    gone = page(desk, f"{REMOVALS}{removal.pk}/").lower()

    assert f"{REMOVALS}{removal.pk}/again" in kept
    assert f"{REMOVALS}{removal.pk}/again" not in gone
    if error in FIRST or state == "unknown":
        assert "run it again" in kept
        assert "as its picture is not kept" in gone
    assert "run it again" not in gone


def test_a_done_one_does_not_run_again(desk, sandbox):
    removal = desk.remove()

    desk.browser.post(f"{REMOVALS}{removal.pk}/again", {"nonce": "x"})

    assert Removal.objects.count() == 1


def test_one_deletes_ones_own_pictures_and_an_admin_everybodys(desk, sandbox, acme, adam):
    nina = join(person("nina"), acme, "member")
    first, second = desk.remove(), desk.remove()

    forbidden = desk_of(nina).browser.post(f"{REMOVALS}{first.pk}/delete-pictures")
    desk.browser.post(f"{REMOVALS}{first.pk}/delete-pictures")
    desk_of(adam).browser.post(f"{REMOVALS}{second.pk}/delete-pictures")

    assert forbidden.status_code == 403
    for removal in (first, second):
        removal.refresh_from_db()
        assert not removal.has_files
        assert not files.exists(removal.result)
    assert AuditEntry.objects.filter(action="removal.pictures_deleted").count() == 2
    desk.browser.post(f"{REMOVALS}{first.pk}/again", {"nonce": "x"})
    assert Removal.objects.count() == 2


def test_a_member_chooses_who_pays_where_there_is_a_choice(desk, acme):
    assert 'name="account"' not in page(desk).split('id="recent"')[0]

    add_key(acme.accounts.create(label="Second"), "sandbox-calendar", "Other")

    assert 'name="account"' in page(desk).split('id="recent"')[0]
