"""The pages of virtual keys: who sees and changes which, and that a secret is shown once (K12)."""

import logging
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.gateway.issuing import Terms, issue, lend, own_reference_key
from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import Account
from dashboard.lib import tokens
from dashboard.rembg.parameters import FORMATS
from dashboard.removals.models import Budget, Charged, Removal, Source, State
from dashboard.teams import roster
from dashboard.teams.models import Membership, Role
from tests.keys.canary import leaks

HERE = "/teams/acme/virtual-keys/"
EVERYTHING = {
    "allowed_formats": list(FORMATS),
    "allowed_fields": ["w", "h", "exact_resize", "mask", "bg_color", "angle", "expand"],
}
PLAIN = {"label": "Script", "expiry": "90", **EVERYTHING}


def membership(user, team):
    return Membership.objects.get(user=user, team=team)


def key_of(user, team, label="Script", at=None, **terms):
    return issue(membership(user, team), Terms(label, **terms), at=at or timezone.now())[0]


def send(client, action="issue/", **values):
    return client.post(f"{HERE}{action}", {**PLAIN, **values})


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def secret_in(answer):
    return re.search(r"rbk_\w{49}", answer.content.decode())[0]


@pytest.fixture
def mels(acme, mel):
    return key_of(mel, acme, "Mel’s script", hard=100)


@pytest.fixture
def adams(acme, adam):
    return key_of(adam, acme, "Adam’s script")


def test_k12_a_secret_is_shown_once_and_only_its_digest_is_kept(client, acme, mel):
    client.force_login(mel)

    page = send(client)
    again = send(client)
    key = VirtualKey.objects.get()
    later = [client.get(f"{HERE}{path}") for path in ("", f"{key.pk}/", f"{key.pk}/rotate/")]

    secret = secret_in(page)
    assert page["Cache-Control"] == "private, no-store"
    assert 'hx-history="false"' in page.content.decode()
    assert f"-H &quot;x-api-key: {secret}&quot;" in page.content.decode().replace('"', "&quot;")
    assert again.status_code == 422
    assert "a virtual key with this label already" in text(again)
    assert (key.digest, key.membership.user) == (tokens.digest(secret), mel)
    for answer in (again, *later):
        assert leaks(answer.content, secret) == []
    assert f"rbk_…{secret[-4:]}" in text(later[0])


def test_k12_a_rotation_sent_again_rotates_once(client, acme, mel, mels):
    client.force_login(mel)
    form = {"overlap": "24", "hint": mels.hint}

    first = client.post(f"{HERE}{mels.pk}/rotate/", form)
    second = client.post(f"{HERE}{mels.pk}/rotate/", form)

    assert 'hx-history="false"' in first.content.decode()
    assert first["Cache-Control"] == "private, no-store"
    assert second.status_code == 422
    assert "rotated in the meantime" in text(second)
    assert VirtualKey.with_secret(secret_in(first), at=timezone.now()) == mels
    assert leaks(second.content, secret_in(first)) == []


def test_k5_a_secret_stands_in_no_row_no_audit_entry_and_no_log(client, acme, mel, caplog):
    client.force_login(mel)
    caplog.set_level(logging.DEBUG)

    issued = secret_in(send(client, tag="shop", hard=5))
    key = VirtualKey.objects.get()
    rotated = secret_in(client.post(f"{HERE}{key.pk}/rotate/", {"overlap": "1", "hint": key.hint}))

    kept = [list(model.objects.values()) for model in (VirtualKey, Budget)]
    written = str(kept) + str(list(acme.audit_entries.values())) + caplog.text
    assert issued != rotated
    assert leaks(written, issued) == leaks(written, rotated) == []
    assert list(acme.audit_entries.in_order().values_list("action", flat=True)) == [
        "virtual_key.issued",
        "virtual_key.rotated",
    ]


def test_t3_what_a_member_may_not_say_is_ignored(client, acme, evil, adam, mel, mallory):
    client.force_login(mel)
    foreign = key_of(mallory, evil)

    send(
        client,
        hard=5,
        team=evil.pk,
        membership=membership(adam, acme).pk,
        member=membership(adam, acme).pk,
        digest="0" * 64,
        hint="0000",
        budget=foreign.budget_id,
        parent=foreign.pk,
        taken=-9,
        used_at="2020-01-01",
        revoked_at="",
    )

    key = VirtualKey.objects.get(team=acme)
    assert (key.membership.user, key.member, key.parent, key.used_at) == (mel, "Mel", None, None)
    assert key.digest != "0" * 64
    assert key.budget_id != foreign.budget_id
    assert (key.budget.team, key.budget.subject, key.budget.hard) == (acme, str(key.pk), 5)
    assert not key.budget.spendings.exists()


def test_t1_an_account_of_another_team_is_no_choice(client, acme, evil, mel):
    foreign = Account.objects.create(team=evil, label="Evil Corp")
    key = key_of(mel, acme)
    client.force_login(mel)

    answers = [
        send(client, action, label="Other", account=foreign.pk)
        for action in ("issue/", f"{key.pk}/change/")
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    key.refresh_from_db()
    assert (VirtualKey.objects.count(), key.account, key.label) == (1, None, "Script")
    assert "Evil Corp" not in text(answers[0]) + text(answers[1])


def test_an_admin_issues_to_any_member_but_not_to_viewers_or_strangers(
    client, acme, adam, mel, victor, mallory
):
    client.force_login(adam)
    people = {
        name: Membership.objects.get(user=user).pk
        for name, user in (("mel", mel), ("victor", victor), ("mallory", mallory))
    }

    statuses = {name: send(client, member=pk).status_code for name, pk in people.items()}

    assert statuses == {"mel": 200, "victor": 422, "mallory": 422}
    assert "Victor" not in text(client.get(f"{HERE}issue/"))
    key = VirtualKey.objects.get()
    entry = acme.audit_entries.get()
    assert (key.membership.user, entry.user, entry.details["member"]) == (mel, adam, "Mel")
    assert entry.address == "127.0.0.1"


@pytest.mark.parametrize(("who", "asked"), [("mel", False), ("adam", True), ("alice", True)])
def test_only_admins_are_asked_for_whom_a_key_is(client, request, acme, who, asked):
    client.force_login(request.getfixturevalue(who))

    page = client.get(f"{HERE}issue/")

    assert page.status_code == 200
    assert ('name="member"' in page.content.decode()) is asked


@pytest.mark.parametrize("action", ["", "change/", "rotate/", "pause/", "resume/", "revoke/"])
def test_a_member_gets_at_nobody_elses_key(client, acme, mel, adams, action):
    client.force_login(mel)
    address = f"{HERE}{adams.pk}/{action}"

    answers = {client.get(address).status_code, send(client, f"{adams.pk}/{action}").status_code}

    assert answers <= {404, 405}
    adams.refresh_from_db()
    assert (adams.label, adams.paused_at, adams.revoked_at) == ("Adam’s script", None, None)
    assert "Adam’s script" not in text(client.get(HERE))
    assert not acme.audit_entries.exists()


@pytest.mark.parametrize("action", ["", "change/", "rotate/", "pause/", "resume/", "revoke/"])
def test_t1_nobody_gets_at_a_key_of_another_team(client, acme, evil, alice, mallory, action):
    foreign = key_of(mallory, evil)
    client.force_login(alice)

    address = f"{HERE}{foreign.pk}/{action}"
    assert {client.get(address).status_code, client.post(address).status_code} <= {404, 405}


def test_an_admin_sees_everybodys_keys_and_those_of_one_member(
    client, acme, adam, mel, mels, adams
):
    client.force_login(adam)

    everybody = text(client.get(HERE))
    one = text(client.get(HERE, {"member": membership(mel, acme).pk}))

    assert "Mel’s script" in everybody
    assert "Adam’s script" in everybody
    assert "Mel’s script" in one
    assert "Adam’s script" not in one


@pytest.mark.parametrize("who", ["mel", "adam"])
def test_a_key_is_paused_resumed_and_revoked(client, request, acme, mel, mels, who):
    client.force_login(request.getfixturevalue(who))
    states = []

    for action in ("pause", "pause", "resume", "revoke", "revoke", "resume"):
        client.post(f"{HERE}{mels.pk}/{action}/")
        mels.refresh_from_db()
        states.append((bool(mels.paused_at), bool(mels.revoked_at)))

    no, paused, over = (False, False), (True, False), (False, True)
    assert states == [paused, paused, no, over, over, over]
    written = list(acme.audit_entries.in_order().values_list("action", "subject"))
    assert [action for action, _subject in written] == [
        "virtual_key.paused",
        "virtual_key.resumed",
        "virtual_key.revoked",
    ]
    assert {subject for _action, subject in written} == {f"Mel’s script (rbk_…{mels.hint})"}


@pytest.mark.parametrize(
    ("back", "lands"), [("review", "review/"), ("key", "{pk}/"), ("", ""), ("//evil.test", "")]
)
def test_a_button_leads_back_to_its_page_and_nowhere_else(client, adam, mels, back, lands):
    client.force_login(adam)

    answer = client.post(f"{HERE}{mels.pk}/pause/", {"back": back})

    assert answer["Location"] == HERE + lands.format(pk=mels.pk)


def test_a_revoked_key_cannot_be_changed_or_rotated(client, mel, mels):
    client.force_login(mel)
    mels.revoke(at=timezone.now())

    for action in ("change/", "rotate/"):
        answer = client.get(f"{HERE}{mels.pk}/{action}", follow=True)
        assert "This key is over" in text(answer)


def test_terms_are_changed_and_the_change_is_written_down(client, acme, account, mel):
    key = key_of(mel, acme, soft=10, hard=50, account=account, expires_at=None)
    client.force_login(mel)

    answer = send(
        client,
        f"{key.pk}/change/",
        label="Shop",
        tag="shop",
        soft=5,
        hard=20,
        expiry="keep",
        allowed_formats=["png"],
        allowed_fields=[],
    )

    key = VirtualKey.objects.select_related("budget").get()
    assert answer.status_code == 302
    assert (key.label, key.tag, key.budget.name) == ("Shop", "shop", "Shop")
    assert (key.budget.soft, key.budget.hard, key.account) == (5, 20, account)
    assert (key.allowed_formats, key.allowed_fields) == (["png"], [])
    details = acme.audit_entries.get(action="virtual_key.changed").details
    assert details["hard"] == [50, 20]
    assert details["label"] == ["Script", "Shop"]
    assert details["allowed_formats"] == [None, "png"]
    assert "expires_at" not in details


@pytest.mark.parametrize(
    ("who", "hard", "status"),
    [
        ("mel", "100", 302),
        ("mel", "40", 302),
        ("mel", "101", 422),
        ("mel", "", 422),
        ("adam", "101", 302),
        ("alice", "", 302),
    ],
)
def test_only_an_admin_raises_or_removes_a_cap(client, request, acme, mel, mels, who, hard, status):
    client.force_login(request.getfixturevalue(who))

    answer = send(client, f"{mels.pk}/change/", label=mels.label, hard=hard)

    assert answer.status_code == status
    mels.budget.refresh_from_db()
    assert mels.budget.hard == (100 if status == 422 else int(hard or 0) or None)
    if status == 422:
        assert "Only an owner or admin of the team can raise or remove this cap." in text(answer)


def test_a_member_does_not_move_a_capped_key_to_an_account_with_a_fresh_cycle(
    client, acme, account, mel, mels
):
    client.force_login(mel)
    send(client, f"{mels.pk}/change/", label=mels.label, hard=100, account=account.pk)
    mels.refresh_from_db()
    assert mels.account is None

    Budget.objects.update(hard=None)
    send(client, f"{mels.pk}/change/", label=mels.label, account=account.pk)
    mels.refresh_from_db()
    assert (mels.account, Budget.objects.get().account) == (account, account)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"label": ""}, "This field is required"),
        ({"label": "x" * 81}, "at most 80 characters"),
        ({"tag": "x" * 41}, "at most 40 characters"),
        ({"hard": "0"}, "greater than or equal to 1"),
        ({"hard": "9" * 12}, "less than or equal to"),
        ({"soft": "9", "hard": "5"}, "The warning must come before the stop."),
        ({"expires_on": "2020-01-01"}, "Choose a day within the next ten years."),
        ({"expires_on": "9999-12-31"}, "Choose a day within the next ten years."),
        ({"expiry": "7"}, "Select a valid choice"),
        ({"allowed_formats": []}, "Allow at least one format."),
        ({"allowed_formats": ["gif"]}, "Select a valid choice"),
    ],
)
def test_a_wrong_term_is_named_beside_its_field(client, mel, values, sentence):
    client.force_login(mel)

    answer = send(client, **values)

    assert answer.status_code == 422
    assert sentence in text(answer)
    assert not VirtualKey.objects.exists()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"expiry": "30"}, "2026-12-18 12:00:00+00:00"),
        ({"expiry": "never"}, "None"),
        ({"expiry": "30", "expires_on": "2026-11-18"}, "2026-11-18 14:59:59+00:00"),
    ],
)
def test_an_expiry_is_a_preset_or_a_day_in_the_teams_zone(
    client, acme, mel, time_machine, values, expected
):
    acme.time_zone = "Asia/Tokyo"
    acme.save()
    time_machine.move_to("2026-11-18T12:00:00Z", tick=False)
    client.force_login(mel)

    send(client, **values)

    assert str(VirtualKey.objects.get().expires_at) == expected


def test_the_list_says_what_is_used_and_costs_the_same_for_one_key_or_many(
    noon, client, acme, adam, mel, django_assert_num_queries
):
    one = key_of(mel, acme, "Key 0", soft=3, hard=4)
    for number in range(3):
        call(one, f"call-{number}")
    client.force_login(adam)
    client.get(HERE)
    with django_assert_num_queries(11) as few:
        page = client.get(HERE)
    for number in range(1, 8):
        key_of(mel, acme, f"Key {number}", hard=number)

    with django_assert_num_queries(len(few)):
        client.get(HERE)
    assert "3 of 4" in text(page)
    assert 'class="meter warn"' in page.content.decode()


def call(key, nonce):
    now = timezone.now()
    return Removal.objects.create(
        team=key.team,
        member=key.member,
        source=Source.GATEWAY,
        virtual_key=key.pk,
        virtual_key_label=key.label,
        nonce=nonce,
        filename=f"{nonce}.png",
        picture_type="image/png",
        picture_bytes=1,
        width=1,
        height=1,
        parameters={"format": "png"},
        state=State.UNKNOWN,
        charged=Charged.UNKNOWN,
        queued_at=now,
        not_before_at=now,
        keep_until=now,
        files_deleted_at=now,
    )


def test_a_keys_page_shows_its_own_last_calls(client, acme, mel, mels, adams):
    mine, other = call(mels, "mine"), call(adams, "other")
    client.force_login(mel)

    page = client.get(f"{HERE}{mels.pk}/").content.decode()

    assert f"/teams/acme/removals/{mine.pk}/" in page
    assert str(other.pk) not in page


def test_what_was_lent_or_is_over_is_not_among_the_keys_in_use(client, acme, mel, mels):
    lend(mels, at=timezone.now())
    old = key_of(mel, acme, "Old", expires_at=timezone.now() - timedelta(days=1))
    client.force_login(mel)

    page = client.get(HERE)

    assert "1 key is in use." in text(page)
    assert [one.key for one in page.context["over"]] == [old]
    assert "Expired" in text(page)


def test_an_expired_key_lives_again_with_a_later_end(client, acme, mel):
    key = key_of(mel, acme, expires_at=timezone.now() - timedelta(days=1))
    client.force_login(mel)

    send(client, f"{key.pk}/change/", expiry="30")

    assert VirtualKey.objects.active(at=timezone.now()).get() == key


def test_a11_keys_of_a_removed_member_are_over_in_the_same_transaction(
    client, acme, alice, mel, mels
):
    assert VirtualKey.objects.active(at=timezone.now()).exists()

    roster.remove(acme, membership(mel, acme).pk, by=alice, at=timezone.now())

    mels.refresh_from_db()
    assert (mels.membership, mels.member) == (None, "Mel")
    assert not VirtualKey.objects.active(at=timezone.now()).exists()
    client.force_login(alice)
    assert "Member left" in text(client.get(HERE))
    assert "Mel is not in the team any more" in text(client.get(f"{HERE}{mels.pk}/"))


def test_the_review_lists_each_worry_with_its_keys(client, acme, alice, mel):
    now = timezone.now()
    long_ago, later = now - timedelta(days=61), now + timedelta(days=9)
    fine = {"hard": 5, "expires_at": later}
    keys = {
        "good": key_of(mel, acme, "good", **fine),
        "in-clear": key_of(mel, acme, "in-clear", **fine),
        "rotated since": key_of(mel, acme, "rotated since", **fine),
        "idle": key_of(mel, acme, "idle", at=long_ago, **fine),
        "uncapped": key_of(mel, acme, "uncapped", soft=3, expires_at=later),
        "unexpiring": key_of(mel, acme, "unexpiring", hard=5),
        "ownerless": key_of(alice, acme, "ownerless", **fine),
        "revoked": key_of(mel, acme, "revoked", at=long_ago),
    }
    VirtualKey.objects.filter(label="ownerless").update(membership=None)
    VirtualKey.objects.filter(label__in=["in-clear", "rotated since"]).update(sent_in_clear_at=now)
    keys["rotated since"].rotate(at=now + timedelta(seconds=1), overlap=timedelta(0))
    keys["revoked"].revoke(at=now)
    client.force_login(alice)

    page = client.get(f"{HERE}review/")

    found = {f.worry.name: [key.label for key in f.keys] for f in page.context["findings"]}
    assert found == {name: [name] for name in keys if name in found}
    assert len(found) == 5
    assert "5 keys want a look." in text(page)
    assert client.get(HERE).context["worries"] == 5


def test_the_review_counts_a_key_with_two_worries_once(client, acme, alice, mel):
    key_of(mel, acme)
    Membership.objects.filter(user=mel).update(role=Role.VIEWER)
    client.force_login(alice)

    page = client.get(f"{HERE}review/")

    assert page.context["count"] == 1
    assert "only watches now" in text(page)


def test_the_review_of_a_tidy_team_says_so(client, acme, alice):
    client.force_login(alice)

    assert "Nothing to look at" in text(client.get(f"{HERE}review/"))


def test_a_key_sent_in_clear_says_so_until_it_is_rotated(client, acme, mel, mels):
    client.force_login(mel)
    mels.note_sent_in_clear(at=timezone.now())
    warning = "This key was sent in clear."
    assert warning in text(client.get(f"{HERE}{mels.pk}/"))

    client.post(f"{HERE}{mels.pk}/rotate/", {"overlap": "0", "hint": mels.hint})

    assert warning not in text(client.get(f"{HERE}{mels.pk}/"))


def test_the_key_of_the_reference_page_is_listed_like_any_other(client, acme, mel):
    own_reference_key(membership(mel, acme), at=timezone.now())
    client.force_login(mel)

    assert "API reference" in text(client.get(HERE))
