"""Budgets on pages and in the JSON API: who sees them, who sets them, what they refuse."""

import re
import uuid
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from dashboard.removals import budgets, wording
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.errors import OverBudget
from dashboard.removals.models import Budget, Charged, Removal, Source, Spending, State, Subject
from dashboard.removals.periods import Period
from dashboard.teams.models import Membership, Role
from tests.conftest import NOON, join, person
from tests.removals.conftest import JSON, REMOVALS, desk_of, subject

# What is used up is so until the month ends.
pytestmark = pytest.mark.usefixtures("noon")
BUDGETS = "/teams/acme/budgets/"
MEMBERS = "/teams/acme/members/"
HTMX = {"HX-Request": "true"}


def words(answer) -> str:
    """Return the text of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def put(team, kind, whose, *, name="", soft=None, hard=None) -> Budget:
    limits = {"soft": soft, "hard": hard, "account": None}
    return budgets.put(team, kind, str(whose), name=name or str(whose), **limits, at=timezone.now())


def use_up(budget: Budget, count: int) -> None:
    """Let so many credits be taken in the running cycle."""
    Spending.objects.filter(budget=budget).update(taken=count)


def as_person(user) -> Client:
    return desk_of(user).browser


def address_of(user) -> str:
    return f"{MEMBERS}{Membership.objects.get(user=user).pk}/budget/"


def called(team, user, **facts) -> Removal:
    """A call through the gateway that is done, whose pictures nobody kept."""
    now = timezone.now()
    values = {
        "team": team,
        "user": user,
        "member": str(user),
        "source": Source.GATEWAY,
        "virtual_key": uuid.uuid4(),
        "virtual_key_label": "Night job",
        "tag": "spring",
        "nonce": uuid.uuid4().hex,
        "filename": "shoe.png",
        "picture_type": "image/png",
        "picture_bytes": 10,
        "width": 4,
        "height": 3,
        "parameters": {"format": "png"},
        "state": State.DONE,
        "charged": Charged.YES,
        "result_type": "image/png",
        "result_bytes": 9,
        "result_width": 4,
        "result_height": 3,
        "queued_at": now,
        "not_before_at": now,
        "finished_at": now,
        "keep_until": now,
        "files_deleted_at": now,
    }
    return Removal.objects.create(**(values | facts))


# ── The upload form ──────────────────────────────────────────────────────────


def test_r7_without_javascript_a_spent_budget_is_said_in_words_and_what_was_typed_stays(
    desk, acme, mel
):
    put(acme, Subject.MEMBER, mel.pk, hard=0)
    fields = {"format": "png", "w": "640", "boxes": "shown", "tag": "spring"}

    answer = desk.browser.post(
        REMOVALS, {**fields, "image": SimpleUploadedFile("cat.png", subject())}
    )

    page = answer.content.decode()
    assert answer.status_code == 429
    assert "Your budget is used up: 0 credits this cycle." in page
    assert "an owner or admin of the team can raise it" in page
    assert 'value="640"' in page and 'value="spring"' in page
    assert not Removal.objects.exists()


def test_r7_the_script_hears_the_same_sentence_and_no_moment_to_try_again(desk, acme, mel):
    put(acme, Subject.TAG, "spring", hard=0)

    refused = desk.send(subject(), tag="spring")
    taken = desk.send(subject(), tag="autumn")

    said = refused.json()
    assert (refused.status_code, said["code"]) == (429, "over_budget")
    assert said["error"].startswith("The budget of the tag “spring” is used up: 0 credits")
    assert said["details"] == [{"field": "image", "message": said["error"]}]
    assert "Retry-After" not in refused
    assert taken.status_code == 201
    assert Removal.objects.get().tag == "autumn"


def test_running_again_is_refused_with_the_reason(desk, acme, mel, key, sandbox):
    key.seal("sandbox-fault-bg_color")
    key.save()
    removal = desk.remove()
    put(acme, Subject.MEMBER, mel.pk, hard=0)

    answer = desk.browser.post(f"{REMOVALS}{removal.pk}/again", follow=True)

    assert "Your budget is used up" in words(answer)
    assert Removal.objects.count() == 1


@pytest.mark.parametrize(
    ("soft", "hard", "taken", "kind", "said"),
    [
        pytest.param(80, 100, 37, "muted", "37 of 100 credits of your budget used until", id="ok"),
        pytest.param(80, 100, 80, "warn", "Once the other 20 are, no more pictures", id="soft"),
        pytest.param(80, 100, 100, "bad", "Your budget is used up: 100 of 100", id="hard"),
        pytest.param(80, None, 79, "muted", "79 of 80 credits", id="only-warns"),
        pytest.param(None, 1, 0, "muted", "0 of 1 credit of your budget used until", id="of-one"),
        pytest.param(None, 1, 1, "bad", "Your budget is used up: 1 of 1 credit.", id="the-one"),
        pytest.param(1, 2, 1, "warn", "1 of 2 credits of your budget used.", id="one-of-two"),
        pytest.param(1, None, 1, "warn", "1 credit used this cycle; your", id="one-over"),
        pytest.param(
            80, None, 91, "warn", "91 credits used this cycle; your budget is 80", id="over"
        ),
    ],
)
def test_the_removals_page_says_how_ones_own_budget_stands(
    desk, acme, mel, adam, soft, hard, taken, kind, said
):
    use_up(put(acme, Subject.MEMBER, mel.pk, soft=soft, hard=hard), taken)

    page = desk.browser.get(REMOVALS).content.decode()
    news = desk.browser.get(REMOVALS, headers=HTMX).content.decode()

    line = re.search(r'<div id="own-budget">(.*?)</div>\s*<form', page, re.S)[1]
    assert said in line and kind in line
    # What is asked for as the page stands open brings the line along.
    assert 'id="own-budget" hx-swap-oob="true"' in news and said in news
    assert said not in as_person(adam).get(REMOVALS).content.decode()


def test_the_form_takes_a_tag_and_offers_those_in_use(desk, acme, mel):
    desk.queue(tag="  spring ")
    put(acme, Subject.TAG, "catalogue", hard=9)

    page = desk.browser.get(REMOVALS).content.decode()

    assert Removal.objects.get().tag == "spring"
    assert '<option value="catalogue"></option><option value="spring"></option>' in page
    assert desk.send(subject(), tag="x" * 41).json()["details"][0]["field"] == "tag"


# ── Rows that came through the API ───────────────────────────────────────────


def test_a_call_of_the_api_shows_its_key_and_tag_and_that_no_picture_is_kept(desk, acme, mel):
    removal = called(acme, mel, request_id="req-1")
    address = f"{REMOVALS}{removal.pk}/"

    page = words(desk.browser.get(address))

    assert "Pictures of API calls are not kept." in page
    assert "were deleted" not in page
    for fact in ("API", "Night job", "spring", "req-1", "1 credit"):
        assert fact in page
    for picture in ("result", "original", "thumbnail"):
        assert desk.browser.get(f"{address}{picture}").status_code == 404
    assert "Delete pictures" not in page
    assert desk.status(removal)["result"] is None


@pytest.mark.parametrize("state", [State.SENDING, State.FAILED, State.UNKNOWN])
def test_every_state_of_a_call_without_pictures_has_its_page(desk, acme, mel, state):
    facts = {"state": state, "charged": Charged.UNKNOWN, "error": "x", "message": "No answer."}
    removal = called(acme, mel, **facts, result_bytes=None)
    address = f"{REMOVALS}{removal.pk}/"

    page = words(desk.browser.get(address))

    assert desk.browser.get(address, headers=HTMX).status_code in (200, 286)
    assert "Run it again" not in page.replace("Run it again if you need", "")
    assert desk.browser.post(f"{address}again").status_code == 302
    assert Removal.objects.count() == 1


def test_a_result_without_its_original_is_shown_alone(desk, acme, mel, sandbox):
    removal = desk.remove(format="png")
    Removal.objects.update(picture="", source=Source.GATEWAY)
    address = f"{REMOVALS}{removal.pk}/"

    page = desk.browser.get(address).content.decode()

    assert "data-compare" not in page
    assert f'src="{address}result"' in page
    assert f"{address}original" not in page


def test_the_list_is_filtered_by_source_and_tag(desk, acme, mel):
    desk.queue(name="by-form.png", tag="autumn")
    called(acme, mel, filename="by-api.png")

    def names(**query: str) -> list[str]:
        page = desk.browser.get(REMOVALS, query).content.decode()
        return re.findall(r"by-\w+", "".join(re.findall(r'"truncate">([^<]+)', page)))

    assert names() == ["by-api", "by-form"]
    assert names(source="gateway") == ["by-api"]
    assert names(source="form") == ["by-form"]
    assert names(tag="spring") == ["by-api"]
    assert names(tag="never-used") == []
    assert "Night job" in words(desk.browser.get(REMOVALS))


# ── Members ──────────────────────────────────────────────────────────────────


def test_an_admin_sets_changes_and_removes_a_members_budget(acme, adam, mel):
    browser = as_person(adam)

    browser.post(address_of(mel), {"soft": "80", "hard": "100"})
    assert "0 of 100" in words(browser.get(MEMBERS))
    browser.post(address_of(mel), {"hard": "50"})
    budget = Budget.objects.get()
    browser.post(f"{BUDGETS}{budget.pk}/remove/")

    assert (budget.subject, budget.soft, budget.hard) == (str(mel.pk), None, 50)
    assert not Budget.objects.exists()
    entries = acme.audit_entries.filter(action__startswith="budget.").in_order()
    assert [(entry.action, entry.subject, entry.details) for entry in entries] == [
        ("budget.set", "Member Mel", {"soft": ["none", "80"], "hard": ["none", "100"]}),
        ("budget.set", "Member Mel", {"soft": ["80", "none"], "hard": ["100", "50"]}),
        ("budget.removed", "Member Mel", {}),
    ]


def test_the_form_says_what_the_running_cycle_counts_already(desk, acme, adam):
    desk.queue()

    page = words(as_person(adam).get(address_of(Membership.objects.get(role="member").user)))

    assert "1 credit used in the running cycle" in page
    assert "It counts already." in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(
            {"soft": "9", "hard": "8"}, "The warning must come before the stop", id="order"
        ),
        pytest.param({}, "Say where it warns, where it stops, or both", id="neither"),
        pytest.param({"hard": "-1"}, "greater than or equal to 0", id="negative"),
        pytest.param({"hard": str(10**12)}, "less than or equal to", id="too-many"),
        pytest.param({"hard": "ten"}, "Enter a whole number", id="no-number"),
        pytest.param({"hard": "5", "account": str(uuid.uuid4())}, "valid choice", id="account"),
    ],
)
def test_what_makes_no_budget_is_said_beside_its_field_and_sets_none(acme, adam, mel, given, said):
    answer = as_person(adam).post(address_of(mel), given)

    assert answer.status_code == 422
    assert said in words(answer)
    assert not Budget.objects.exists()


def test_a_members_budget_of_another_team_is_out_of_reach(acme, adam, evil, mallory):
    theirs = put(evil, Subject.MEMBER, mallory.pk, hard=5)
    browser = as_person(adam)
    place = Membership.objects.get(user=mallory).pk

    assert browser.post(f"{MEMBERS}{place}/budget/", {"hard": "1"}).status_code == 404
    assert browser.get(f"{BUDGETS}{theirs.pk}/").status_code == 404
    assert browser.post(f"{BUDGETS}{theirs.pk}/remove/").status_code == 404
    assert Budget.objects.get().hard == 5


def test_a_member_sees_his_own_budget_and_nobody_elses(acme, mel, adam):
    put(acme, Subject.MEMBER, mel.pk, hard=41)
    put(acme, Subject.MEMBER, adam.pk, hard=97)

    mine, theirs = words(as_person(mel).get(MEMBERS)), words(as_person(adam).get(MEMBERS))

    assert "of 41" in mine and "of 97" not in mine
    assert "of 41" in theirs and "of 97" in theirs
    assert "of 97" not in words(as_person(mel).get(BUDGETS))


def test_the_members_page_asks_no_query_a_budget(acme, alice, django_assert_max_num_queries):
    for number in range(12):
        user = join(person(f"p{number}"), acme, Role.MEMBER)
        put(acme, Subject.MEMBER, user.pk, hard=9)
    browser = as_person(alice)

    with django_assert_max_num_queries(13):
        page = browser.get(MEMBERS)

    assert words(page).count("of 9") >= 12


# ── Tags, and all of them ────────────────────────────────────────────────────


def test_an_admin_gives_a_tag_a_budget_once(acme, adam):
    browser = as_person(adam)

    browser.post(BUDGETS, {"tag": "spring", "hard": "5"})
    again = browser.post(BUDGETS, {"tag": "spring", "hard": "6"})

    assert (Budget.objects.get().kind, Budget.objects.get().hard) == ("tag", 5)
    assert again.status_code == 422
    assert "has a budget already" in words(again)


def test_the_nearest_to_its_limit_stands_first_and_keys_lead_to_their_page(acme, adam, mel):
    key = uuid.uuid4()
    for kind, whose, name, taken in (
        (Subject.MEMBER, mel.pk, "Mel", 10),
        (Subject.TAG, "spring", "spring", 90),
        (Subject.KEY, key, "Night job", 50),
        (Subject.KEY, uuid.uuid4(), "Sleeping", 0),
    ):
        use_up(put(acme, kind, whose, name=name, hard=100), taken)
    browser = as_person(adam)

    page = words(browser.get(BUDGETS))
    opened = browser.get(f"{BUDGETS}{Budget.objects.get(name='Night job').pk}/")

    assert page.index("spring") < page.index("Night job") < page.index("Mel Member")
    assert "Sleeping" not in page
    assert opened["Location"] == f"/teams/acme/virtual-keys/{key}/"


def test_a_virtual_keys_budget_is_not_removed_from_here(acme, adam):
    budget = put(acme, Subject.KEY, uuid.uuid4(), hard=3)

    assert as_person(adam).post(f"{BUDGETS}{budget.pk}/remove/").status_code == 404


# ── The JSON API ─────────────────────────────────────────────────────────────


def test_the_json_api_lists_what_the_caller_may_see(acme, adam, mel):
    mine = put(acme, Subject.MEMBER, mel.pk, name="Mel", soft=8, hard=10)
    put(acme, Subject.MEMBER, adam.pk, hard=9)
    use_up(mine, 3)

    def asked(user) -> list[dict]:
        return as_person(user).get("/api/v1/teams/acme/budgets", headers=JSON).json()["budgets"]

    [told] = asked(mel)
    assert len(asked(adam)) == 2
    assert told["period_end_unix"] > told["period_start_unix"]
    assert {name: told[name] for name in ("kind", "name", "soft", "hard", "used", "remaining")} == {
        "kind": "member",
        "name": "Mel",
        "soft": 8,
        "hard": 10,
        "used": 3,
        "remaining": 7,
    }


# ── The overview ─────────────────────────────────────────────────────────────


def test_the_overview_names_budgets_that_warn_or_are_used_up(acme, adam, mel, account):
    use_up(put(acme, Subject.TAG, "spring", hard=5), 5)
    use_up(put(acme, Subject.MEMBER, mel.pk, name="Mel", soft=5), 6)
    use_up(put(acme, Subject.TAG, "calm", soft=5), 4)

    page = words(as_person(adam).get("/teams/acme/"))

    assert "1 budget is used up Tag spring (5 of 5): nothing more is taken" in page
    assert "1 budget is past its warning Member Mel (6 of 5)." in page
    assert "calm" not in page


def test_the_overview_forgets_the_cycle_before_and_a_window_that_moved_away(acme, adam, account):
    use_up(put(acme, Subject.TAG, "spring", hard=5), 5)
    now = timezone.now()
    account.note_standing(
        spendable=None,
        cycle_start_at=now - timedelta(hours=1),
        cycle_end_at=now + timedelta(days=29),
        asked_at=now,
    )

    assert "used up" not in words(as_person(adam).get("/teams/acme/"))


# ── Words ────────────────────────────────────────────────────────────────────


def test_without_particulars_the_refusal_is_still_a_sentence():
    assert wording.refusal(OverBudget()) == OverBudget.sentence


def test_the_day_is_the_teams_and_numbers_have_their_separators():
    budget = Budget(kind=Subject.MEMBER, hard=12000)
    use = BudgetUse(budget, Period(NOON, NOON + timedelta(days=12, hours=11)), 9300)

    with timezone.override("Pacific/Kiritimati"):
        said = wording.budget_line(use)

    assert said == "9,300 of 12,000 credits of your budget used until 1 Dec."
