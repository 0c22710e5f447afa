"""When a server is left alone, and when it is tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.breaker import BreakerRegistry, ServerBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> ServerBreaker:
    return ServerBreaker(fail_max=5, reset_s=30, monotonic=clock)


def calls(breaker: ServerBreaker, outcomes: Iterable[bool | None]) -> list[bool]:
    """Make calls that end so, and return which were admitted."""
    admitted = []
    for answered in outcomes:
        admitted.append(breaker.admits())
        if admitted[-1]:
            breaker.record(answered)
    return admitted


def test_five_failed_calls_in_a_row_open_it(breaker: ServerBreaker) -> None:
    assert calls(breaker, [False] * 7) == [True] * 5 + [False] * 2
    assert breaker.state == "open"


def test_an_answer_in_between_starts_the_count_again(breaker: ServerBreaker) -> None:
    assert all(calls(breaker, [False] * 4 + [True] + [False] * 4))
    assert breaker.state == "closed"


def test_calls_that_say_nothing_do_not_count(breaker: ServerBreaker) -> None:
    assert all(calls(breaker, [False, None] * 4))
    assert calls(breaker, [False, False]) == [True, False]


def test_after_a_while_one_call_tries_again(breaker: ServerBreaker, clock: Clock) -> None:
    calls(breaker, [False] * 5)
    clock.now += 29.9
    assert not breaker.admits()
    clock.now += 0.1
    assert breaker.admits()
    assert breaker.state == "half-open"
    assert not breaker.admits()
    breaker.record(True)
    assert breaker.state == "closed"
    assert all(calls(breaker, [False] * 4))


def test_a_failed_trial_opens_it_again(breaker: ServerBreaker, clock: Clock) -> None:
    calls(breaker, [False] * 5)
    clock.now += 30
    assert calls(breaker, [False, False]) == [True, False]
    clock.now += 29
    assert not breaker.admits()
    clock.now += 1
    assert breaker.admits()


def test_a_trial_that_says_nothing_lets_the_next_try(breaker: ServerBreaker, clock: Clock) -> None:
    calls(breaker, [False] * 5)
    clock.now += 30
    assert calls(breaker, [None, True, True]) == [True] * 3
    assert breaker.state == "closed"


def test_latecomers_do_not_close_it(breaker: ServerBreaker) -> None:
    assert breaker.admits()
    calls(breaker, [False] * 5)
    breaker.record(True)
    assert breaker.state == "open"


@given(st.lists(st.sampled_from([True, False, None, 1.0, 31.0]), max_size=60))
def test_it_is_open_exactly_after_five_failures(events: list[bool | float | None]) -> None:
    clock = Clock()
    breaker = ServerBreaker(fail_max=5, reset_s=30, monotonic=clock)
    failures, opened_at = 0, 0.0
    for event in events:
        if isinstance(event, float):
            clock.now += event
            continue
        expected = failures < 5 or clock.now - opened_at >= 30
        assert breaker.admits() == expected
        if expected:
            breaker.record(event)
            if event is not None:
                failures = 0 if event else failures + 1
                opened_at = clock.now


def test_only_one_of_many_threads_tries(breaker: ServerBreaker, clock: Clock) -> None:
    calls(breaker, [False] * 5)
    clock.now += 30
    admitted: list[bool] = []
    threads = [threading.Thread(target=lambda: admitted.append(breaker.admits())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted.count(True) == 1


def test_each_server_has_its_own(clock: Clock) -> None:
    registry = BreakerRegistry(fail_max=1, monotonic=clock)
    calls(registry.of("https://a.example/fhir"), [False])
    registry.of("https://b.example/fhir")
    assert registry.of("https://a.example/fhir/") is registry.of("https://a.example/fhir")
    assert registry.states() == {"https://b.example/fhir": "closed", "https://a.example/fhir": "open"}


def test_servers_without_end_are_not_remembered() -> None:
    registry = BreakerRegistry()
    for number in range(1000):
        registry.of(f"https://a.example/fhir/{number}")
    assert len(registry.states()) == 256
