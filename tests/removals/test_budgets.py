"""Budgets: a credit is reserved before a picture is sent, and given back if it cost none."""

import calendar
import io
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.rembg import errors, pictures
from dashboard.rembg.parameters import Parameters
from dashboard.removals import budgets, queueing, sweeping
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.errors import BudgetRefusal, OverBudget, Parked
from dashboard.removals.models import Budget, Removal, Source, State, Subject
from dashboard.removals.periods import Period, calendar_month, running_cycle
from dashboard.removals.queueing import Wish
from dashboard.removals.tasks import claim_next
from dashboard.teams.models import Membership
from tests.conftest import NOON
from tests.examples import examples
from tests.removals.conftest import subject

DAY = timedelta(days=1)
ANY = Parameters.parse([])
SMALL = subject(size=(20, 15))


def put(team, kind, whose, *, soft=None, hard=None, account=None, at=NOON) -> Budget:
    return budgets.put(
        team,
        kind,
        str(whose),
        name=str(whose),
        soft=soft,
        hard=hard,
        account=account,
        at=at,
    )


def accept(user, *, at=NOON, tag="", nonce="") -> Removal:
    """Queue a small picture of this person, as the upload form does."""
    image = io.BytesIO(SMALL)
    picture = pictures.inspect(image, filename="cat.png")
    by = Membership.objects.select_related("team", "user").get(user=user)
    return queueing.accept(by, image, picture, Wish("cat.png", ANY, nonce=nonce, tag=tag), at=at)


def call(team, user, *, key, tag="", at=NOON) -> Removal:
    """Write down a call of a virtual key, as the gateway does."""
    removal = Removal(
        team=team,
        user=user,
        virtual_key=key,
        tag=tag,
        source=Source.GATEWAY,
        nonce=uuid.uuid4().hex,
        picture_bytes=1,
        width=1,
        height=1,
        state=State.SENDING,
        attempt=uuid.uuid4(),
        queued_at=at,
        not_before_at=at,
        keep_until=at,
    )
    with transaction.atomic():
        budgets.reserve(removal)
        removal.save(force_insert=True)
    return removal


def taken(budget, *, at=NOON) -> int:
    return budgets.uses([budget], at=at)[0].taken


def counted(budget, row) -> int:
    """Count anew what a row says was taken."""
    counting = Removal.objects.counting(since=row.start_at, until=row.end_at)
    field = budgets.FIELDS[Subject(budget.kind)]
    return counting.filter(team=budget.team, **{field: budget.subject}).count()


def in_threads(deed, times: int) -> list:
    """Run it so often at once; return what came, an exception as itself."""
    barrier = threading.Barrier(times)

    def one(number: int) -> object:
        barrier.wait()
        try:
            return deed(number)
        except (OverBudget, AssertionError) as exc:
            return exc
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@pytest.fixture(autouse=True)
def _room(request) -> None:
    request.getfixturevalue("settings").ROOM_BYTES = 0


# ── Exactly so many, whoever is faster ───────────────────────────────────────


@pytest.mark.parametrize("first_of_the_cycle", [True, False])
@pytest.mark.django_db(transaction=True)
def test_r7_of_50_at_once_a_budget_of_20_grants_exactly_20_round_after_round(
    acme, mel, first_of_the_cycle
):
    budget = put(acme, Subject.MEMBER, mel.pk, hard=20)

    for month in range(2):
        at = NOON + month * 31 * DAY
        if not first_of_the_cycle:
            put(acme, Subject.MEMBER, mel.pk, hard=20, at=at)
        came = in_threads(lambda _, at=at: accept(mel, at=at), 50)

        granted = [removal for removal in came if isinstance(removal, Removal)]
        refused = [exc for exc in came if isinstance(exc, OverBudget)]
        assert (len(granted), len(refused)) == (20, 30)
        assert taken(budget, at=at) == 20
        assert Removal.objects.filter(queued_at=at).count() == 20


@pytest.mark.django_db(transaction=True)
def test_r7_what_one_budget_refuses_the_others_have_not_given(acme, mel):
    key = uuid.uuid4()
    mine = put(acme, Subject.MEMBER, mel.pk, hard=30)
    keys = put(acme, Subject.KEY, key, hard=20)
    tags = put(acme, Subject.TAG, "spring", hard=8)

    came = in_threads(lambda n: call(acme, mel, key=key, tag="spring" if n % 2 else ""), 40)

    granted = [removal for removal in came if isinstance(removal, Removal)]
    assert len(granted) == 20
    tagged = sum(removal.tag == "spring" for removal in granted)
    assert tagged <= 8
    assert [taken(mine), taken(keys), taken(tags)] == [20, 20, tagged]


@pytest.mark.django_db(transaction=True)
def test_a_budget_that_is_made_while_pictures_come_counts_each_of_them_once(acme, mel):
    def deed(number: int) -> object:
        if number == 5:
            return put(acme, Subject.MEMBER, mel.pk, hard=500)
        return accept(mel)

    came = in_threads(deed, 16)

    budget = next(one for one in came if isinstance(one, Budget))
    assert Removal.objects.count() == 15
    assert taken(budget) == 15


@pytest.mark.django_db(transaction=True)
def test_u39_a_double_click_costs_one_reservation_even_with_the_last_credit(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk, hard=1)

    came = in_threads(lambda _: accept(mel, nonce="click"), 8)

    assert len({removal.pk for removal in came}) == 1
    assert taken(budget) == 1


@pytest.mark.django_db(transaction=True)
def test_two_different_wishes_with_one_nonce_at_once_are_two_removals(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk)

    came = in_threads(lambda n: accept(mel, nonce="reused", tag=f"tag {n}"), 6)

    assert len({removal.pk for removal in came}) == 6
    assert taken(budget) == 6


# ── Reserved, settled, given back ────────────────────────────────────────────


def end(removal, error) -> bool:
    """Let its worker say what came of it."""
    return removal.end(error, at=NOON)


def leased(user, **wish) -> Removal:
    accept(user, **wish)
    return claim_next(at=wish.get("at", NOON))


def test_r7_what_certainly_cost_nothing_is_given_back_once(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk, hard=1)
    removal = leased(mel)
    with pytest.raises(OverBudget):
        accept(mel)

    assert end(removal, errors.BadColor())
    assert not end(removal, errors.BadColor())

    assert taken(budget) == 0
    accept(mel)


def test_r7_what_may_have_cost_a_credit_is_kept_until_somebody_knows(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk, hard=1)
    removal = leased(mel)
    assert removal.begin_sending(_key(acme), at=NOON, until=NOON)

    assert end(removal, errors.OutcomeUnknown())
    assert taken(budget) == 1
    with pytest.raises(OverBudget):
        accept(mel)

    # Its worker was only slow, and comes back with a refusal that cost nothing.
    assert end(removal, errors.BadColor())
    assert taken(budget) == 0


def test_r7_a_paid_answer_that_could_not_be_stored_stays_taken(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk)

    end(leased(mel), errors.NotStored())

    assert taken(budget) == 1


def test_r7_done_settles_it(noon, desk, sandbox, acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk, hard=1, at=noon)

    removal = desk.remove(format="png")

    assert removal.state == "done"
    assert taken(budget, at=noon) == 1
    assert len(sandbox.ledger("sandbox-premium")) == 1


def test_a_picture_that_waits_for_another_try_keeps_its_credit(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk)
    removal = leased(mel)

    removal.wait(errors.Unreachable(), until=NOON + DAY)

    assert taken(budget) == 1


def test_r15_a_parked_picture_gives_its_credit_back(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk)
    for day in range(3):
        assert leased(mel, at=NOON) if day == 0 else claim_next(at=NOON + day * DAY)
        sweeping.sweep(at=NOON + day * DAY + timedelta(hours=1))

    assert Removal.objects.get().error == Parked.code
    assert taken(budget) == 0


def test_r15_a_picture_whose_bytes_are_leaving_is_not_parked_by_a_late_sweeper(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk)
    removal = leased(mel)
    late = Removal.objects.get(pk=removal.pk)
    assert removal.begin_sending(_key(acme), at=NOON, until=NOON)

    assert not late.end(Parked(), at=NOON, states=(State.LEASED,))

    removal.refresh_from_db()
    assert (removal.state, taken(budget)) == ("sending", 1)


def test_r15_the_sweeper_parks_only_what_still_waits_for_its_first_byte(acme, mel):
    removal = leased(mel)
    Removal.objects.update(lost_leases=2)
    key = _key(acme)
    rows = Removal.objects.expired_leases(at=NOON + DAY)
    assert [row.pk for row in rows] == [removal.pk]
    assert removal.begin_sending(key, at=NOON, until=NOON)

    sweeping._bring_back(rows[0], swept := sweeping.Swept(), at=NOON + DAY)

    assert swept.parked == 0
    assert Removal.objects.get().state == "sending"


def test_running_again_is_a_second_credit_where_the_first_is_unknown(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk, hard=2)
    removal = leased(mel)
    end(removal, errors.OutcomeUnknown())

    again = queueing.run_again(removal, mel, nonce="again", at=NOON)
    same = queueing.run_again(removal, mel, nonce="again", at=NOON)

    assert (same.pk, taken(budget)) == (again.pk, 2)
    with pytest.raises(OverBudget):
        queueing.run_again(removal, mel, nonce="more", at=NOON)


def test_what_is_refused_leaves_neither_row_nor_picture(acme, mel, tmp_path):
    put(acme, Subject.TAG, "spring", hard=0)

    with pytest.raises(OverBudget, match="tag 'spring' .* 0 credits.* owner or admin .* raise it"):
        accept(mel, tag="spring")

    assert not Removal.objects.exists()
    assert not [path for path in (tmp_path / "files").rglob("*") if path.is_file()]


def _key(team):
    return Account.objects.create(team=team, label="Main").api_keys.create(team=team, label="Shop")


# ── Cycles ───────────────────────────────────────────────────────────────────


def cycle(account, start, end) -> None:
    account.note_standing(spendable=None, cycle_start_at=start, cycle_end_at=end, asked_at=start)


def test_a_new_cycle_starts_at_what_is_already_used_in_it(acme, mel, account):
    cycle(account, NOON - 20 * DAY, NOON + 10 * DAY)
    budget = put(acme, Subject.MEMBER, mel.pk, hard=3)
    for _ in range(3):
        accept(mel)

    renewal = NOON + 10 * DAY
    assert taken(budget, at=renewal - timedelta(microseconds=1)) == 3
    assert taken(budget, at=renewal) == 0
    accept(mel, at=renewal)

    # RemBG renews later than we thought: both pictures since are in the cycle that is read then.
    cycle(account, NOON - 20 * DAY, NOON + 11 * DAY)
    budget.refresh_from_db()
    assert taken(budget, at=renewal) == 4
    with pytest.raises(OverBudget):
        accept(mel, at=renewal)


def test_a_budget_that_is_set_late_counts_what_the_cycle_has_seen(acme, mel, account):
    cycle(account, NOON - DAY, NOON + 29 * DAY)
    end(leased(mel), errors.BadColor())
    accept(mel, at=NOON - 2 * DAY)
    accept(mel)

    assert taken(put(acme, Subject.MEMBER, mel.pk, hard=5)) == 1


def test_d8_a_window_that_moves_and_moves_back_forgets_and_doubles_nothing(acme, mel, account):
    synced = (NOON - 10 * DAY, NOON + 20 * DAY)
    month = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    cycle(account, *synced)
    budget = put(acme, Subject.MEMBER, mel.pk, hard=6)
    first = leased(mel)
    accept(mel)

    cycle(account, *month)
    accept(mel)
    budget = Budget.objects.get()
    assert taken(budget) == 3

    cycle(account, *synced)
    budget = Budget.objects.get()
    assert taken(budget) == 3
    # Reserved in one window, counted by the other: it is given back in both.
    end(first, errors.BadColor())
    assert taken(budget) == 2
    cycle(account, *month)
    assert taken(Budget.objects.get()) == 2
    assert all(row.taken == counted(budget, row) for row in budget.spendings.all())


def test_without_any_reading_budgets_count_in_the_calendar_month_utc(acme, mel):
    budget = put(acme, Subject.MEMBER, mel.pk, hard=1)
    accept(mel, at=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))

    [use] = budgets.uses([budget], at=NOON)

    assert use.period == Period(
        datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert use.taken == 1
    accept(mel, at=datetime(2026, 12, 1, tzinfo=UTC))


def test_a_budget_follows_the_account_it_names_else_the_teams_first(acme, mel, account):
    other = acme.accounts.create(label="Other", created_at=timezone.now() + DAY)
    cycle(account, NOON - DAY, NOON + 29 * DAY)
    cycle(other, NOON - 2 * DAY, NOON + 28 * DAY)
    mine = put(acme, Subject.MEMBER, mel.pk)
    tags = put(acme, Subject.TAG, "spring", account=other)

    found = budgets.uses(Budget.objects.filter(pk__in=[mine.pk, tags.pk]), at=NOON)

    starts = {use.budget.kind: use.period.start_at for use in found}
    assert starts == {"member": NOON - DAY, "tag": NOON - 2 * DAY}


def test_budgets_of_several_teams_each_follow_their_own_first_account(
    acme, evil, mel, mallory, account
):
    cycle(account, NOON - DAY, NOON + 29 * DAY)
    mine, theirs = (put(team, Subject.TAG, "spring", hard=3) for team in (acme, evil))

    found = {use.budget: use.period for use in budgets.uses([theirs, mine], at=NOON)}

    assert found[theirs] == calendar_month(NOON)
    assert found[mine].start_at == NOON - DAY


def test_what_is_taken_is_asked_in_few_queries(acme, mel, account, django_assert_max_num_queries):
    cycle(account, NOON - DAY, NOON + 29 * DAY)
    for number in range(20):
        put(acme, Subject.TAG, f"tag {number}", hard=9)
        put(acme, Subject.KEY, uuid.uuid4(), hard=9)
    accept(mel, tag="tag 3", at=NOON + 29 * DAY)

    with django_assert_max_num_queries(5):
        found = budgets.uses(Budget.objects.select_related("account"), at=NOON + 29 * DAY)

    assert {use.budget.subject: use.taken for use in found if use.taken} == {"tag 3": 1}


# ── Arithmetic ───────────────────────────────────────────────────────────────

STEPS = ("accept", "free", "paid", "unknown", "done", "later", "moved", "back")
WINDOWS = {
    "back": (NOON - 10 * DAY, NOON + 20 * DAY),
    "moved": (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
}
ENDS = {"free": errors.BadColor, "paid": errors.NotStored, "unknown": errors.OutcomeUnknown}


@given(
    history=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99)), max_size=40),
    hard=st.one_of(st.none(), st.integers(0, 6)),
)
@examples(60, but=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_taken_is_the_number_of_removals_that_count(
    acme, mel, account, history, hard
):
    with transaction.atomic():
        _live(acme, mel, account, history, hard)
        transaction.set_rollback(True)


def _live(team, user, account, history, hard) -> None:
    """Let all this happen to a member with a budget; look after each step."""
    budget, at = put(team, Subject.MEMBER, user.pk, hard=hard), NOON
    for step, number in history:
        removals = list(Removal.objects.order_by("queued_at", "pk"))
        one = removals[number % len(removals)] if removals else None
        budget.account = Account.objects.get(pk=account.pk)
        if step == "accept":
            before = taken(budget, at=at)
            try:
                call(team, user, key=None, at=at)
                assert hard is None or before < hard
            except OverBudget:
                assert before >= hard
        elif step == "later":
            at += timedelta(days=number / 10)
        elif step in WINDOWS:
            cycle(account, *WINDOWS[step])
        elif one is not None and step == "done":
            one.finish(at=at)
        elif one is not None:
            one.end(ENDS[step](), at=at)
        assert all(row.taken == counted(budget, row) for row in budget.spendings.all())


# ── Periods ──────────────────────────────────────────────────────────────────

MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(at=MOMENTS)
def test_a_calendar_month_is_half_open_and_the_next_begins_where_it_ends(at):
    period = calendar_month(at)
    after = calendar_month(period.end_at)

    assert period.start_at <= at < period.end_at == after.start_at
    assert (period.start_at.day, period.start_at.hour) == (1, 0)
    days = calendar.monthrange(at.year, at.month)[1]
    assert period.end_at - period.start_at == days * DAY


@given(start=MOMENTS, length=st.integers(1, 366), later=st.integers(0, 4000))
def test_a_running_cycle_holds_its_moment_and_follows_the_one_before(start, length, later):
    end = start + length * DAY
    account = Account(cycle_start_at=start, cycle_end_at=end)
    at = start + timedelta(days=later / 3)

    period = running_cycle(account, at=at)

    assert period.start_at <= at < period.end_at
    if period.start_at > start:
        before = running_cycle(account, at=period.start_at - timedelta(microseconds=1))
        assert before.end_at == period.start_at
        days = (365, 366) if length > 200 else range(28, 32)
        assert (period.end_at - period.start_at).days in days


@pytest.mark.parametrize(
    ("start", "end", "at", "starts", "ends"),
    [
        pytest.param("2026-01-31", "2026-02-28", "2026-03-01", "2026-02-28", "2026-03-31", id="31"),
        pytest.param("2026-02-28", "2026-03-31", "2026-04-30", "2026-04-30", "2026-05-31", id="30"),
        pytest.param(
            "2027-12-30", "2028-01-30", "2028-02-29", "2028-02-29", "2028-03-30", id="leap"
        ),
        pytest.param("2026-01-28", "2026-02-28", "2026-03-01", "2026-02-28", "2026-03-28", id="28"),
        pytest.param(
            "2026-11-18", "2026-12-18", "2027-02-18", "2027-02-18", "2027-03-18", id="year"
        ),
    ],
)
def test_d12_a_renewal_not_yet_read_falls_on_the_day_of_the_month(start, end, at, starts, ends):
    moments = [
        datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end, at, starts, ends)
    ]
    account = Account(cycle_start_at=moments[0], cycle_end_at=moments[1])

    assert running_cycle(account, at=moments[2]) == Period(*moments[3:])


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(None, NOON, id="unknown"),
        pytest.param(NOON, NOON - DAY, id="D5-ends-before-it-starts"),
        pytest.param(NOON + DAY, NOON + 30 * DAY, id="not-begun"),
    ],
)
def test_d5_a_cycle_that_cannot_be_gives_way_to_the_calendar_month(start, end):
    account = Account(cycle_start_at=start, cycle_end_at=end)

    assert running_cycle(account, at=NOON) == calendar_month(NOON)


@given(
    limits=st.tuples(
        st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.integers(0, 9))
    ),
    count=st.integers(0, 12),
)
def test_what_is_left_is_never_negative_and_spent_is_a_warning_too(limits, count):
    soft, hard = limits
    use = BudgetUse(Budget(soft=soft, hard=hard), calendar_month(NOON), count)

    assert use.remaining is None or use.remaining >= 0
    assert use.is_warning or not use.is_spent
    assert use.is_spent == (hard is not None and count >= hard)
    assert (use.remaining is None) == (soft is None and hard is None)


@pytest.mark.parametrize(("hard", "said"), [(1, "1 credit."), (0, "0 credits."), (5, "5 credits.")])
def test_a_refusal_counts_its_credits_in_good_grammar(hard, said):
    assert f"is used up: {said} It starts" in BudgetRefusal("member", "Mel", hard, NOON).sentence
