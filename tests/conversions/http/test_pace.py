# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import threading

import pytest

from airflow_provider_tiktok.conversions.answers import Answer, Verdict
from airflow_provider_tiktok.conversions.errors import TransientError, UnconfirmedError
from airflow_provider_tiktok.conversions.http import (
    AnswerLost,
    HttpReply,
    HttpRequest,
    Pace,
    RetryPolicy,
    exchange,
    judge_status,
)
from airflow_provider_tiktok.conversions.http.pace import HOPE_S, MOST_IN_FLIGHT, Sign
from tests.conversions.transports import Script, Waits

REQUEST = HttpRequest(method="POST", url="https://api.example.com/events/", body=b"{}")
ACCEPTED = HttpReply(status=200)
BUSY = HttpReply(status=429)
GATEWAY = HttpReply(status=502)


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


def by_status(reply: HttpReply) -> Answer:
    """The classification of an API without return codes."""
    return judge_status(reply.status, reply.headers, clock=lambda: 0.0)


@pytest.fixture
def time() -> Time:
    """The time of a test."""
    return Time()


@pytest.fixture
def pace(time: Time) -> Pace:
    """A pace without chance."""
    return Pace(clock=time, random=lambda: 0.5)


def send(pace: Pace, time: Time, sign: Sign, *, takes_s: float = 0.01) -> float:
    """When one request left that was answered so."""
    sent_at = pace.enter(time.wait)
    assert sent_at is not None
    time.now += takes_s
    pace.leave(sent_at, sign)
    return sent_at


def test_without_a_refusal_nothing_waits(pace: Pace, time: Time) -> None:
    """A task that is never refused is never slowed down."""
    for _ in range(1000):
        send(pace, time, Sign.ACCEPTED, takes_s=0)
    assert pace.rate is None
    assert time.now == 1000.0


def test_the_first_refusal_begins_low(pace: Pace, time: Time) -> None:
    """However a task began: all that begin together are alike after the first refusal."""
    for _ in range(5):
        send(pace, time, Sign.ACCEPTED)
    send(pace, time, Sign.REFUSED)
    assert pace.rate == pytest.approx(1.0, rel=0.01)


def test_requests_leave_at_even_distances(pace: Pace, time: Time) -> None:
    """What leaves in bursts is refused below the limit."""
    settled(pace, time)
    time.now += 10
    send(pace, time, Sign.ACCEPTED)
    left = [send(pace, time, Sign.NONE) for _ in range(5)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(left)]
    rate = pace.rate
    assert rate is not None
    assert gaps == pytest.approx([1 / rate] * 4, rel=0.1)


def settled(pace: Pace, time: Time, *, rate: float = 4.0) -> None:
    """Bring the pace to about a rate, at which it stays but for small steps."""
    send(pace, time, Sign.REFUSED)
    while (pace.rate or 0.0) < rate:
        send(pace, time, Sign.ACCEPTED)
    send(pace, time, Sign.REFUSED)


def test_a_refusal_takes_a_part_away(pace: Pace, time: Time) -> None:
    """Multiplicative decrease: the faster a task, the more it gives way."""
    settled(pace, time)
    time.now += 1.5
    send(pace, time, Sign.ACCEPTED)
    before = pace.rate or 0.0
    send(pace, time, Sign.REFUSED)
    assert 0.65 < (pace.rate or 0.0) / before < 0.9


def test_refusals_of_one_moment_count_once(pace: Pace, time: Time) -> None:
    """What was under way at a refusal says nothing of the slower pace."""
    settled(pace, time)
    time.now += 5
    together = [pace.enter(time.wait) for _ in range(4)]
    before = pace.rate or 0.0
    for sent_at in together:
        assert sent_at is not None
        pace.leave(sent_at, Sign.REFUSED)
    assert (pace.rate or 0.0) > before * 0.55


def test_refusals_without_success_slow_down_to_the_least(pace: Pace, time: Time) -> None:
    """A limit that fell deep is found within a minute, and the API is still asked now and then."""
    settled(pace, time, rate=8.0)
    began = time.now
    while time.now < began + 60:
        send(pace, time, Sign.REFUSED)
    assert 0.1 <= (pace.rate or 0.0) < 0.3


def test_a_refused_request_leaves_soon_at_another_place(pace: Pace, time: Time) -> None:
    """Where the tasks' requests fell together, the next fits between theirs; it does not wait for a whole turn."""
    settled(pace, time)
    time.now += 1.5
    sent_at = send(pace, time, Sign.REFUSED)
    left = send(pace, time, Sign.ACCEPTED)
    distance = 1 / (pace.rate or 0.0)
    assert 0 < left - sent_at < 0.25 * distance
    assert send(pace, time, Sign.ACCEPTED) - left == pytest.approx(distance, rel=0.1)


def test_a_refusal_hurries_no_request_into_a_rest(pace: Pace, time: Time) -> None:
    """What the server said of a rest holds, also where a later answer says nothing of one."""
    settled(pace, time)
    first, second = pace.enter(time.wait), pace.enter(time.wait)
    assert first is not None
    assert second is not None
    pace.leave(first, Sign.REFUSED, hold_s=7)
    pace.leave(second, Sign.REFUSED)
    assert send(pace, time, Sign.ACCEPTED) >= second + 7


@pytest.mark.parametrize("rate", [1.5, 6.0])
def test_after_a_cut_the_pace_follows_a_cubic_curve(rate: float, pace: Pace, time: Time) -> None:
    """Soon back near the pace that was too fast, long about there, ever faster beyond."""
    settled(pace, time, rate=rate)
    time.now += 30  # beyond a young task's large steps
    send(pace, time, Sign.ACCEPTED)
    too_fast = pace.rate or 0.0
    send(pace, time, Sign.REFUSED)
    rates = []
    for _ in range(13):
        rates.append((pace.rate or 0.0) / too_fast)
        time.now += 5
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(0.88, abs=0.01)
    assert rates[1:6] == pytest.approx([1.0] * 5, abs=0.08)
    assert rates[7] - rates[6] < rates[9] - rates[8] < rates[11] - rates[10]
    assert rates[12] > 1.5


def test_after_a_calm_time_the_pace_grows_faster(pace: Pace, time: Time) -> None:
    """A limit that others have left is filled."""
    settled(pace, time, rate=2.0)
    time.now += 120
    assert (pace.rate or 0.0) > 10


def test_an_overload_slows_down_and_is_forgotten(pace: Pace, time: Time) -> None:
    """One bad answer of a gateway costs a fast task seconds, not minutes."""
    for _ in range(200):
        send(pace, time, Sign.ACCEPTED, takes_s=0.005)
    send(pace, time, Sign.OVERLOADED)
    assert 50 < (pace.rate or 0.0) < 190
    began = time.now
    while pace.rate is not None and time.now < began + 60:
        send(pace, time, Sign.ACCEPTED, takes_s=0.005)
    assert time.now < began + 10


def test_the_server_holds_the_whole_task(pace: Pace, time: Time) -> None:
    """A wait that the server names is for all requests, not for the refused one alone."""
    sent_at = pace.enter(time.wait)
    assert sent_at is not None
    pace.leave(sent_at, Sign.REFUSED, hold_s=7)
    assert send(pace, time, Sign.ACCEPTED) >= sent_at + 7


def test_hope_ends_after_a_minute_of_refusals(pace: Pace, time: Time) -> None:
    """It is the time since the first refusal that counts, not an idle time before it."""
    send(pace, time, Sign.ACCEPTED)
    time.now += 1000
    send(pace, time, Sign.REFUSED)
    assert not pace.is_hopeless
    time.now += HOPE_S
    assert pace.is_hopeless
    send(pace, time, Sign.ACCEPTED)
    assert not pace.is_hopeless


def test_a_stop_ends_the_wait_for_the_pace(pace: Pace, time: Time) -> None:
    """A task that is told to end does not wait for its turn."""
    send(pace, time, Sign.REFUSED)
    assert pace.enter(Waits(stop_at=1)) is None


def filled(pace: Pace) -> list[float]:
    """As many requests as may be under way now."""
    under_way = []
    while len(under_way) < MOST_IN_FLIGHT and pace.window >= len(under_way) + 1:
        sent_at = pace.enter(lambda _: True)
        assert sent_at is not None
        under_way.append(sent_at)
    return under_way


def test_requests_in_flight_are_found(time: Time) -> None:
    """From a few to 64 while all is accepted; fewer when something is not."""
    pace = Pace(finds_in_flight=True, clock=time, random=lambda: 0.5)
    counts = []
    for _ in range(8):
        under_way = filled(pace)
        counts.append(len(under_way))
        for sent_at in under_way:
            pace.leave(sent_at, Sign.ACCEPTED)
    assert counts[0] == 4
    assert counts[-1] == MOST_IN_FLIGHT
    assert counts == sorted(counts)
    pace.leave(pace.enter(time.wait) or 0.0, Sign.OVERLOADED)
    assert pace.window == MOST_IN_FLIGHT / 2


def test_at_least_one_request_is_under_way(time: Time) -> None:
    """However often something is refused, one request is tried."""
    pace = Pace(finds_in_flight=True, clock=time, random=lambda: 0.5)
    for _ in range(50):
        time.now += 2
        send(pace, time, Sign.OVERLOADED)
    assert pace.window == 1


def test_a_full_window_lets_the_next_in_when_one_leaves(time: Time) -> None:
    """A thread that waits for room goes on as soon as there is some."""
    pace = Pace(finds_in_flight=True, random=lambda: 0.5)
    under_way = filled(pace)
    entered = threading.Event()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: pace.enter(stop.wait) is not None and entered.set())
    thread.start()
    assert not entered.is_set()
    pace.leave(under_way[0], Sign.ACCEPTED)
    assert entered.wait(5)
    thread.join()


# ------------------------------------------------------------------------------------- in an exchange


def run(
    *replies: HttpReply | AnswerLost, pace: Pace, time: Time, max_attempts: int = 2
) -> tuple[Answer, int]:
    """The settled answer, and how many requests it took."""
    transport = Script(*replies)
    settled = exchange(
        REQUEST,
        transport=transport,
        classify=by_status,
        policy=RetryPolicy(max_attempts=max_attempts),
        pace=pace,
        wait=time.wait,
        random=lambda: 0.5,
    )
    return settled.answer, len(transport.requests)


def test_a_refusal_for_the_pace_costs_no_try(pace: Pace, time: Time) -> None:
    """Ten refusals and two tries: the request is sent all the same, and all of it is counted."""
    answer, sent = run(*[BUSY] * 10, ACCEPTED, pace=pace, time=time)
    assert (answer.verdict, answer.attempts, sent) == (Verdict.ACCEPTED, 11, 11)
    assert not answer.was_lost_before


def test_other_faults_still_cost_tries(pace: Pace, time: Time) -> None:
    """A gateway's fault slows the task down and counts."""
    with pytest.raises(UnconfirmedError) as caught:
        run(BUSY, GATEWAY, BUSY, GATEWAY, ACCEPTED, pace=pace, time=time)
    assert caught.value.attempts == 4
    assert pace.rate is not None


def test_without_hope_refusals_cost_tries(pace: Pace, time: Time) -> None:
    """Where nothing was accepted for a minute, the request ends as it did without a pace."""
    began = time.now
    with pytest.raises(TransientError):
        run(BUSY, pace=pace, time=time)
    assert HOPE_S < time.now - began < HOPE_S + 60


def test_one_request_that_is_always_refused_does_not_hold_the_run(pace: Pace, time: Time) -> None:
    """While others are accepted, a request that is refused for itself comes to an end."""

    def wait(seconds: float) -> bool:
        send(pace, time, Sign.ACCEPTED)
        return time.wait(seconds)

    transport = Script(BUSY)
    with pytest.raises(TransientError):
        exchange(REQUEST, transport=transport, classify=by_status, pace=pace, wait=wait, random=lambda: 0.5)
    assert 30 < len(transport.requests) < 40


def test_a_long_rest_is_not_waited_for(pace: Pace, time: Time) -> None:
    """A server that wants ten minutes more does not speak of the pace."""
    began = time.now
    with pytest.raises(TransientError) as caught:
        run(HttpReply(status=429, headers={"Retry-After": "6000"}), pace=pace, time=time)
    assert caught.value.retry_after_s == 6000
    assert time.now == began


def test_a_stop_before_the_first_request_sends_nothing(pace: Pace, time: Time) -> None:
    """A request that never left is undelivered, and not counted."""
    send(pace, time, Sign.REFUSED)
    transport = Script(ACCEPTED)
    with pytest.raises(TransientError, match="told to stop") as caught:
        exchange(REQUEST, transport=transport, classify=by_status, pace=pace, wait=lambda _: True)
    assert (caught.value.attempts, transport.requests) == (0, [])


@pytest.mark.parametrize("fault", [ValueError("a defect"), KeyboardInterrupt()])
def test_a_defect_leaves_the_pace_in_order(fault: BaseException, time: Time) -> None:
    """A request that broke is not under way any more."""
    pace = Pace(finds_in_flight=True, clock=time, random=lambda: 0.5)

    def breaking(_: HttpRequest, /) -> HttpReply:
        raise fault

    for _ in range(10):
        with pytest.raises(type(fault)):
            exchange(REQUEST, transport=breaking, classify=by_status, pace=pace, wait=lambda _: True)


# -------------------------------------------------------------------------------- tasks that share a limit


def share(n_tasks: int, *, limit: int, seconds: float) -> tuple[float, float, float]:
    """Of tasks with one thread each at a sliding limit: part used, Jain's index, part refused after 20 s."""
    time = Time()
    # Chance made of the golden ratio: spread evenly, and the same in every run.
    draws = (0.618034 * number % 1 for number in range(10**9))
    paces = [Pace(clock=time, random=lambda: next(draws)) for _ in range(n_tasks)]
    asleep_until = [time.now + 0.1 * number for number in range(n_tasks)]
    taken: list[float] = []
    shares = [0] * n_tasks
    late = [0, 0]
    end = time.now + seconds
    while True:
        task = min(range(n_tasks), key=asleep_until.__getitem__)
        time.now = max(time.now, asleep_until[task])
        if time.now >= end:
            break
        pauses = Pauses()
        sent_at = paces[task].enter(pauses)
        if sent_at is None:
            asleep_until[task] = time.now + pauses.seconds
            continue
        taken = [moment for moment in taken if moment > time.now - 1]
        is_taken = len(taken) < limit
        if is_taken:
            taken.append(time.now)
            shares[task] += 1
        late[is_taken] += time.now > end - seconds + 20
        paces[task].leave(sent_at, Sign.ACCEPTED if is_taken else Sign.REFUSED)
        asleep_until[task] = time.now + 0.02
    jain = sum(shares) ** 2 / (n_tasks * sum(one**2 for one in shares))
    return sum(shares) / (limit * seconds), jain, late[False] / sum(late)


class Pauses:
    """A wait that ends at once and remembers how long it should have been."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, seconds: float) -> bool:
        self.seconds = max(seconds, 0.001)
        return True


@pytest.mark.parametrize("n_tasks", [1, 4, 8])
def test_tasks_share_a_limit(n_tasks: int) -> None:
    """Tasks that know nothing of each other use a limit, get alike shares, and are rarely refused."""
    used, jain, refused = share(n_tasks, limit=10, seconds=120)
    assert used >= 0.85
    assert jain >= 0.9
    assert refused <= 0.05


@pytest.mark.parametrize("limit", [3, 30, 80])
def test_other_limits_are_found(limit: int) -> None:
    """Nothing of the rule is made for one limit."""
    used, _, refused = share(2, limit=limit, seconds=120)
    assert used > 0.6
    assert refused < 0.1
