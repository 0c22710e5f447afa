"""Bodies that are not even JSON, or only nearly."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.depth import examples
from tests.fuzz.mutation import encode, nested
from tests.fuzz.stage import ORDERED, Stage, kind_of

ENCODINGS = ("utf-8-sig", "utf-16", "utf-32", "utf-7", "latin-1")
NUISANCES = (
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"}",
    b"{",
    b'"',
    b"NaN",
    b"-",
    b"1e999",
    b"/**/",
    b"\xef\xbb\xbf",
)


def test_any_bytes_are_answered(stage: Stage, tally: Counter[str]) -> None:
    @examples(60)
    @given(
        st.binary(max_size=200)
        | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.integers(1, 100_000).map(lambda depth: b'{"a":' * depth)
        | st.integers(1, 100_000).map(lambda depth: b"[" * depth)
        | st.integers(1, 3_000).map(lambda depth: encode({"hook": "order-sign", "context": nested(min(depth, 400))}))
    )
    def run(body: bytes) -> None:
        response = stage.post(body)
        tally[kind_of(response)] += 1
        assert response.status_code == 400

    run()


def test_a_call_with_damaged_bytes_is_answered(stage: Stage, tally: Counter[str]) -> None:
    whole = {name: encode(stage.call(name)) for name in ORDERED}

    @examples(80)
    @given(st.sampled_from(ORDERED), st.data())
    def run(patient_id: str, data: st.DataObject) -> None:
        body = whole[patient_id]
        start = data.draw(st.integers(0, len(body)), "start")
        length = data.draw(st.sampled_from([0, 0, 1, 1, 2, 10, len(body)]), "length")
        body = body[:start] + data.draw(st.sampled_from((b"", *NUISANCES)), "in its place") + body[start + length :]
        tally[kind_of(stage.post(body))] += 1

    run()


def test_only_utf_8_is_read(stage: Stage, tally: Counter[str]) -> None:
    body = stage.call(ORDERED[0])
    body["context"]["userId"] = "Practitioner/Müller"
    text = encode(body).decode("unicode-escape")
    for encoding in ENCODINGS:
        kind = kind_of(stage.post(text.encode(encoding)))
        tally[f"{encoding}: {kind}"] += 1
        assert (kind == "400") is (encoding not in ("utf-8-sig", "utf-7"))
