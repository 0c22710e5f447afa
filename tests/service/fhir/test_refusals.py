"""What a server refused is remembered for a while, for that server and kind of record alone."""

from __future__ import annotations

from service.fhir.refusals import BATCH, Refusals


def test_for_a_while() -> None:
    now = [0.0]
    refusals = Refusals(remembered_s=600, monotonic=lambda: now[0])
    assert not refusals.holds("https://a.example/fhir", BATCH)
    refusals.note("https://a.example/fhir/", BATCH)
    now[0] = 599.0
    assert refusals.holds("https://a.example/fhir", BATCH)
    now[0] = 600.0
    assert not refusals.holds("https://a.example/fhir", BATCH)


def test_for_that_alone() -> None:
    refusals = Refusals()
    refusals.note("https://a.example/fhir", "_sort", "Condition")
    assert refusals.holds("https://a.example/fhir", "_sort", "Condition")
    assert not refusals.holds("https://a.example/fhir", "_sort", "Procedure")
    assert not refusals.holds("https://a.example/fhir", "_count", "Condition")
    assert not refusals.holds("https://b.example/fhir", "_sort", "Condition")


def test_servers_without_end_are_not_remembered() -> None:
    refusals = Refusals()
    for number in range(5000):
        refusals.note(f"https://a.example/{number}", BATCH)
    assert sum(refusals.holds(f"https://a.example/{number}", BATCH) for number in range(5000)) == 2048
