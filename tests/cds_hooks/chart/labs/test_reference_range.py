"""The interval a laboratory sends with its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cds_hooks.chart.labs import LabResult

Build = Callable[..., dict[str, Any]]
One = Callable[..., LabResult]

TSH, ALT, BILIRUBIN, CREATININE = "3016-3", "1742-6", "1975-2", "2160-0"


def limit(value: Any, unit: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"value": value, **({"unit": unit} if unit else {}), **fields}


def kind(code: str, **fields: Any) -> dict[str, Any]:
    return {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/referencerange-meaning", "code": code}],
        **fields,
    }


LOW_HIGH = {"low": limit(0.4, "mIU/L"), "high": limit(4.0, "mIU/L")}


@pytest.mark.parametrize(
    ("ranges", "interval"),
    [
        ([LOW_HIGH], (0.4, 4.0)),
        (LOW_HIGH, (0.4, 4.0)),  # a single object instead of a list
        ([{"high": limit(4.0, "mIU/L")}], (None, 4.0)),
        ([{"low": limit(0.4), "high": limit(4.0)}], (0.4, 4.0)),  # no unit: that of the value
        ([{"low": limit(0.4, code="m[iU]/L"), "high": limit(4.0, "furlongs")}], (0.4, None)),
        ([{**LOW_HIGH, "type": kind("normal")}], (0.4, 4.0)),
        ([{**LOW_HIGH, "type": {"text": "Normal range"}}], (0.4, 4.0)),
        ([{**LOW_HIGH, "meaning": kind("normal")}], (0.4, 4.0)),  # DSTU2
        ([{**LOW_HIGH, "type": kind("therapeutic")}], (None, None)),
        ([{**LOW_HIGH, "type": kind("critical")}], (None, None)),
        ([{**LOW_HIGH, "type": kind("normal")}, {"high": limit(9, "mIU/L"), "type": kind("critical")}], (0.4, 4.0)),
        ([LOW_HIGH, LOW_HIGH], (0.4, 4.0)),
        ([LOW_HIGH, {"high": limit(9, "mIU/L")}], (None, None)),  # nobody says which
        ([LOW_HIGH, {"high": limit(9, "mIU/L"), "appliesTo": [kind("pregnant")]}], (0.4, 4.0)),
        ([LOW_HIGH, {"high": limit(9, "mIU/L"), "age": {"high": limit(18, "a")}}], (0.4, 4.0)),
        ([{**LOW_HIGH, "appliesTo": [kind("female")]}], (0.4, 4.0)),
        ([{"low": limit(4.0, "mIU/L"), "high": limit(0.4, "mIU/L")}], (None, None)),
        ([{"low": limit(0, "mIU/L"), "high": limit(0, "mIU/L")}], (None, None)),
        ([{"text": "0.4 - 4.0"}], (0.4, 4.0)),
        ([{"text": "0.40-4.00"}], (0.4, 4.0)),
        ([{"text": "(0.4 \u2013 4.0)"}], (0.4, 4.0)),
        ([{"text": "0.4 to 4.0 mIU/L"}], (0.4, 4.0)),
        ([{"text": "0.4-4.0 furlongs"}], (None, None)),
        ([{"text": "<4.0"}], (None, 4.0)),
        ([{"text": "<= 4.0 mIU/L"}], (None, 4.0)),
        ([{"text": "> 0.4"}], (0.4, None)),
        ([{"text": "normal: 0.4 - 4.0, pregnant: 0.1 - 2.5"}], (None, None)),
        ([{"text": "0,4 - 4,0"}], (None, None)),
        ([{"low": {}, "text": "0.4 - 4.0"}], (None, None)),
        ([], (None, None)),
        (["0.4-4.0", 5, None], (None, None)),
        ("0.4-4.0", (None, None)),
    ],
)
def test_ranges(ranges: Any, interval: tuple[float | None, float | None], one: One, obs: Build) -> None:
    result = one(obs(TSH, 2.0, "mIU/L", referenceRange=ranges))
    assert (result.reference_low, result.reference_high) == interval


def test_limits_are_converted_like_the_value(one: One, obs: Build) -> None:
    result = one(obs(ALT, 1.0, "ukat/L", referenceRange=[{"high": limit(0.75, "\u00b5kat/L")}]))
    assert (result.value, result.reference_high) == (60, 45)
    result = one(obs(BILIRUBIN, 1.0, "mg/dL", referenceRange=[{"high": limit(20.52, "umol/L")}]))
    assert result.reference_high == pytest.approx(1.2)
    result = one(obs(BILIRUBIN, 17.1, "umol/L", referenceRange=[{"text": "5.13 - 20.52"}]))
    assert (result.reference_low, result.reference_high) == pytest.approx((0.3, 1.2))


def test_a_range_that_no_check_looks_at_is_not_read(one: One, obs: Build) -> None:
    result = one(obs(CREATININE, 1.0, "mg/dL", referenceRange=[{"high": limit(1.2, "mg/dL")}]))
    assert (result.value, result.reference_low, result.reference_high) == (1.0, None, None)


def test_an_unreadable_value_has_no_range(one: One, obs: Build) -> None:
    result = one(obs(TSH, 2.0, "furlongs", referenceRange=[LOW_HIGH]))
    assert (result.reference_low, result.reference_high) == (None, None)
