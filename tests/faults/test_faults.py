"""Every fault of the table through the whole service: status, cards, what is said, how long it takes, what is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from cds_hooks.prefetch import FailureCause
from tests.faults.callers import CALLER_FAULTS, CallerFault
from tests.faults.stage import DEADLINE_MS, TOLERANCE_MS, Answered, Stage
from tests.faults.table import FAULTS, Fault

TRIES = 3
TIME_FOR_DATA_MS = 350
LIVER = "hepatotoxicity"
FROM_THE_ORDER = {"remsSupplyLimit"}
PATIENT_CAUSES = {"404": FailureCause.NOT_FOUND}
"""Where reading the Patient fails for another reason than a search."""

SEARCH = "creatinine and liver tests"


def slowdown() -> float:
    """How many times longer than its CPU time some work takes now: 1 on an idle machine, more on a busy one."""
    began, cpu = time.perf_counter(), time.thread_time()
    while time.thread_time() - cpu < 0.03:
        pass
    return (time.perf_counter() - began) / (time.thread_time() - cpu)


def in_time(call: Callable[[], Answered], cause: FailureCause | None) -> Answered:
    """Call until it was in time, a few times at most.

    The tolerance is for the work after the data have come (some 30 ms of CPU time), so on a busy machine it grows with
    the time that work takes there. There a fault may also be seen too late: then it is a timeout, and tried again.

    Args:
        call: the call.
        cause: the cause that is expected, None for a complete answer.
    """
    for _ in range(TRIES):
        answered = call()
        allowed_ms = DEADLINE_MS + TOLERANCE_MS
        is_late = answered.wall_ms > allowed_ms and answered.wall_ms > DEADLINE_MS + TOLERANCE_MS * slowdown()
        timed_out = FailureCause.TIMEOUT.phrase in answered.incomplete and cause is not FailureCause.TIMEOUT
        if not is_late and not (timed_out and answered.wall_ms > TIME_FOR_DATA_MS):
            return answered
    pytest.fail(f"{answered.wall_ms:.0f} ms of {allowed_ms} ms at the last of {TRIES} tries")


def call(stage: Stage, fault: Fault, scope: str) -> Answered:
    before, tokens = stage.settled(), stage.tokens_elsewhere()
    answered = in_time(lambda: stage.call(fault.key, scope), fault.cause)
    assert stage.leftovers(before) == []
    assert stage.tokens_elsewhere() == tokens
    return answered


@pytest.mark.parametrize(
    "fault", [one for one in FAULTS.values() if not one.whole_server_only], ids=lambda one: one.key
)
def test_one_search_among_many(stage: Stage, fault: Fault) -> None:
    answered = call(stage, fault, "one")
    assert answered.status == 200
    shown = frozenset() if fault.cause else frozenset({LIVER})
    from_liver_tests = shown if fault.topics is None else fault.topics
    expected = stage.expected.keys() - {LIVER} | from_liver_tests
    assert answered.cards.keys() == expected | ({"checkIncomplete"} if fault.cause else set())
    if fault.cause:
        assert f"{SEARCH}: {fault.cause.phrase}" in answered.incomplete
        assert "Liver" in answered.incomplete


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda one: one.key)
def test_the_whole_server(stage: Stage, fault: Fault) -> None:
    answered = call(stage, fault, "all")
    if fault.cause and not fault.reads_work:
        assert answered.status == 412
        assert answered.incomplete.endswith(f"from a FHIR server: {PATIENT_CAUSES.get(fault.key, fault.cause).phrase}.")
        return
    assert answered.status == 200
    assert ("checkIncomplete" in answered.cards) == bool(fault.cause)
    if not fault.topics:
        assert answered.cards.keys() == stage.expected.keys()
    if fault.cause:
        assert fault.cause.phrase in answered.incomplete


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda one: one.key)
def test_the_whole_server_while_the_patient_is_sent_along(stage: Stage, fault: Fault) -> None:
    answered = call(stage, fault, "sent")
    assert answered.status == 200
    assert answered.cards.keys() >= FROM_THE_ORDER
    assert ("checkIncomplete" in answered.cards) == bool(fault.cause)
    if fault.cause:
        assert SEARCH in answered.incomplete
        assert fault.cause.phrase in answered.incomplete
        # "None found" is said of nothing that could not be looked up.
        assert not {topic for topic in answered.cards if topic.endswith(("Overdue", "Unknown"))}


@pytest.mark.parametrize("fault", CALLER_FAULTS.values(), ids=lambda one: one.key)
def test_the_caller_and_the_token_endpoint(stage: Stage, fault: CallerFault) -> None:
    before, tokens = stage.settled(), stage.tokens_elsewhere()
    answered = in_time(lambda: stage.call_of(fault), fault.cause)
    assert stage.leftovers(before) == []
    assert stage.tokens_elsewhere() == tokens
    assert answered.status == fault.status
    if answered.status != 200:
        assert answered.cards == {}
    elif fault.cause:
        assert answered.cards.keys() == FROM_THE_ORDER | {"checkIncomplete"}
        assert fault.cause.phrase in answered.incomplete
    else:
        assert answered.cards.keys() == stage.expected.keys()


def test_a_token_elsewhere_would_be_noticed(stage: Stage) -> None:
    before = stage.tokens_elsewhere()
    stage.send_token_elsewhere()
    assert stage.tokens_elsewhere() == before + 1


def test_a_thread_left_behind_would_be_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.stage._SETTLES_IN_S", 0.2)
    before, end = stage.settled(), threading.Event()
    thread = threading.Thread(target=end.wait, name="left-behind")
    thread.start()
    assert stage.leftovers(before) == ["thread left-behind"]
    end.set()
    thread.join()
    assert stage.leftovers(before) == []
