from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sandbox.interval import COMPARISONS, EARLIEST, LATEST, Interval, interval_of, parse_interval


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("2024-02", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("2026-12", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("2026-03-05", "2026-03-05T00:00:00", "2026-03-06T00:00:00"),
        ("2026-03-05T08:30", "2026-03-05T08:30:00", "2026-03-05T08:31:00"),
        ("2026-03-05T08:30Z", "2026-03-05T08:30:00", "2026-03-05T08:31:00"),
        ("2026-03-05T08:30:07Z", "2026-03-05T08:30:07", "2026-03-05T08:30:08"),
        ("2026-03-05T23:30:00-05:00", "2026-03-06T04:30:00", "2026-03-06T04:30:01"),
        ("2026-03-05T08:30:07.25Z", "2026-03-05T08:30:07.250000", "2026-03-05T08:30:07.260000"),
        ("2026-03-05T08:30:07.123456789Z", "2026-03-05T08:30:07.123456", "2026-03-05T08:30:07.123457"),
    ],
)
def test_a_date_stands_for_all_of_its_precision(text: str, low: str, high: str) -> None:
    expected = Interval(*(datetime.fromisoformat(limit).replace(tzinfo=UTC) for limit in (low, high)))
    assert parse_interval(text) == expected


@pytest.mark.parametrize("text", ["9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59Z"])
def test_the_last_dates_of_the_calendar_end_with_it(text: str) -> None:
    assert parse_interval(text).high == LATEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "26-03-05",
        "2026-3-5",
        "2026-13",
        "2026-02-30",
        "0000",
        "2026-03-05Z",
        "2026-03-05T08Z",
        "2026-03-05T25:00Z",
        "2026-03-05 08:30",
        "0001-01-01T00:00:00+14:00",
        "٢٠٢٦",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_interval(text)


def test_a_period_may_be_open_on_either_side() -> None:
    assert interval_of({"start": "2026-03"}) == Interval(parse_interval("2026-03").low, LATEST)
    assert interval_of({"end": "2026-03"}) == Interval(EARLIEST, parse_interval("2026-03").high)


@pytest.mark.parametrize("element", [None, 5, "soon", {}, {"text": "soon"}, {"start": None}, {"start": "soon"}, []])
def test_an_element_without_a_readable_date_has_no_interval(element: object) -> None:
    assert interval_of(element) is None


@st.composite
def fhir_dates(draw: st.DrawFn) -> str:
    day = draw(st.dates(date(2020, 1, 1), date(2020, 3, 31)))
    clock = draw(st.times()).replace(microsecond=0)
    moment = f"{day}T{clock}"
    return draw(st.sampled_from([f"{day:%Y}", f"{day:%Y-%m}", f"{day}", f"{moment[:-3]}Z", f"{moment}Z"]))


@given(fhir_dates())
def test_every_date_equals_itself_and_nothing_else_is_said_of_it(text: str) -> None:
    interval = parse_interval(text)
    holding = {prefix for prefix, compare in COMPARISONS.items() if compare(interval, interval)}
    assert holding == {"eq", "ge", "le"}


@given(fhir_dates(), fhir_dates())
def test_the_prefixes_agree_with_each_other(search_text: str, target_text: str) -> None:
    search, target = parse_interval(search_text), parse_interval(target_text)
    holds = {prefix: compare(search, target) for prefix, compare in COMPARISONS.items()}
    assert holds["ne"] is not holds["eq"]
    assert holds["ge"] is (holds["gt"] or holds["eq"])
    assert holds["le"] is (holds["lt"] or holds["eq"])
    assert holds["gt"] or not holds["sa"]
    assert holds["lt"] or not holds["eb"]
    assert holds["gt"] or holds["lt"] or holds["eq"]
    assert not (holds["sa"] and holds["eb"])


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)))  # noqa: DTZ001 - the zone is written below
def test_a_moment_lies_in_its_day_month_and_year(moment: datetime) -> None:
    inner = parse_interval(f"{moment.isoformat(timespec='seconds')}Z")
    assert inner.high - inner.low == timedelta(seconds=1)
    day = moment.date().isoformat()
    for outer_text in (day, day[:7], day[:4]):
        assert COMPARISONS["eq"](parse_interval(outer_text), inner)
