"""One request at a time: what a server can do, and what the client makes of it."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access, FhirServer
from service.fhir.answers import Refusal
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline

Handler: TypeAlias = Callable[[Mapping[str, Any], Callable[[bytes], None]], Any]
Serve: TypeAlias = Callable[[Handler], str]

TOKEN = "secret-token"
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}
SEARCH = "Observation?patient=p1&code=1-2"
LONG = 5.0


def outcome(severity: str = "error", code: str = "exception", diagnostics: str = "") -> dict[str, Any]:
    issue = {"severity": severity, "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def access_to(base: str, *, token: str | None = TOKEN, allowed: tuple[str, ...] = (), **settings: Any) -> Access:
    prefixes = (base, *allowed)
    return Access(FhirServer(base, lambda url: url.startswith(prefixes), **settings), token)


def search(client: FhirClient, access: Access, seconds: float = LONG, url: str = SEARCH) -> Any:
    found = client.search(access, url, Deadline(seconds))
    return found.cause if isinstance(found, Refusal) else found


def noting(seen: list[Mapping[str, Any]], answer: Any) -> Handler:
    """Answer always the same, and keep the requests."""

    def handler(request: Mapping[str, Any], _: Callable[[bytes], None]) -> Any:
        seen.append(request)
        return answer

    return handler


def test_a_search_is_sent_as_a_fhir_client_should(client: FhirClient, serve: Serve) -> None:
    seen: list[Mapping[str, Any]] = []

    access = access_to(serve(noting(seen, (200, EMPTY))))
    assert search(client, access) == EMPTY
    assert seen[0]["method"] == "GET"
    assert seen[0]["path"] == f"/fhir/{SEARCH}"
    headers = seen[0]["headers"]
    assert headers["accept"] == "application/fhir+json"
    assert headers["accept-encoding"] == "gzip"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in headers
    assert access.traffic.requests == 1
    assert access.traffic.received_bytes == len(json.dumps(EMPTY))


def test_without_a_token_none_is_sent(client: FhirClient, serve: Serve) -> None:
    seen: list[Mapping[str, Any]] = []
    assert search(client, access_to(serve(noting(seen, (200, EMPTY))), token=None)) == EMPTY
    assert "authorization" not in seen[0]["headers"]


@pytest.mark.parametrize(
    ("status", "content", "cause"),
    [
        (401, outcome(), FailureCause.TOKEN_REFUSED),
        (403, b"<html>no</html>", FailureCause.TOKEN_REFUSED),
        (404, b"", FailureCause.NOT_SUPPORTED),
        (410, outcome(), FailureCause.NOT_FOUND),
        (429, outcome(), FailureCause.RATE_LIMITED),
        (400, outcome(code="invalid", diagnostics="Unknown search parameter '_sort'"), FailureCause.REJECTED),
        (400, outcome(diagnostics="Unknown resource type 'AdverseEvent'"), FailureCause.NOT_SUPPORTED),
        (400, outcome(code="not-supported"), FailureCause.NOT_SUPPORTED),
        (418, b"", FailureCause.REJECTED),
        (500, outcome(), FailureCause.SERVER_ERROR),
        (503, b"busy", FailureCause.SERVER_ERROR),
        (599, b"", FailureCause.SERVER_ERROR),
        (500, b"x" * 200_000, FailureCause.SERVER_ERROR),
        (204, b"", FailureCause.BAD_ANSWER),
        (200, b"<html>Please log in</html>", FailureCause.BAD_ANSWER),
        (200, b'{"resourceType": "Bundle", "entry": [', FailureCause.BAD_ANSWER),
        (200, b"\xff\xfe{}", FailureCause.BAD_ANSWER),
        (200, b'{"resourceType": NaN}', FailureCause.BAD_ANSWER),
        (200, b"[" * 100_000, FailureCause.BAD_ANSWER),
        (200, b"", FailureCause.BAD_ANSWER),
        (200, [], FailureCause.BAD_ANSWER),
        (200, {"resourceType": "Observation", "id": "o1"}, FailureCause.BAD_ANSWER),
        (200, outcome(), FailureCause.OPERATION_OUTCOME),
        (200, outcome("information"), FailureCause.OPERATION_OUTCOME),
        (200, b" " * 1_000_001, FailureCause.TOO_LARGE),
    ],
)
def test_what_an_answer_to_a_search_amounts_to(
    client: FhirClient, serve: Serve, status: int, content: Any, cause: FailureCause
) -> None:
    assert search(client, access_to(serve(lambda *_: (status, content)))) is cause


def test_a_byte_order_mark_is_no_obstacle(client: FhirClient, serve: Serve) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(EMPTY).encode()
    assert search(client, access_to(serve(lambda *_: (200, body)))) == EMPTY


def test_a_read_that_finds_nothing(client: FhirClient, serve: Serve) -> None:
    access = access_to(serve(lambda *_: (404, outcome())))
    assert client.get(access, "Patient/p1", "Patient", Deadline(LONG)) is FailureCause.NOT_FOUND


def test_nobody_listens(client: FhirClient, closed_port: int) -> None:
    access = access_to(f"http://127.0.0.1:{closed_port}/fhir")
    assert search(client, access) is FailureCause.UNREACHABLE


def test_an_unknown_host(client: FhirClient) -> None:
    assert search(client, access_to("http://nowhere.invalid/fhir")) in (
        FailureCause.NAME_UNKNOWN,
        FailureCause.TIMEOUT,
    )


def test_a_connection_reset_in_the_middle_of_the_body_is_tried_once_more(client: FhirClient, serve: Serve) -> None:
    attempts: list[str] = []

    def answer(request: Mapping[str, Any], send: Callable[[bytes], None]) -> Any:
        attempts.append(request["path"])
        if len(attempts) > 1:
            return 200, EMPTY
        send(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"resourceType": "Bun')
        connection: socket.socket = send.__self__  # type: ignore[attr-defined]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return None

    access = access_to(serve(answer))
    assert search(client, access) == EMPTY
    assert access.traffic.requests == 2


@pytest.mark.parametrize(
    "raw",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"resourceType": "Bundle"',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\r\n",
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 200 + b"\r\n",
        b"",
    ],
    ids=["body too short", "chunk too short", "not HTTP", "too many headers", "nothing"],
)
def test_broken_http_is_tried_twice_and_then_given_up(client: FhirClient, serve: Serve, raw: bytes) -> None:
    access = access_to(serve(lambda *_: raw))
    assert search(client, access) is FailureCause.UNREACHABLE
    assert access.traffic.requests == 2


def test_an_idle_connection_the_server_has_closed_is_no_failure(client: FhirClient, serve: Serve) -> None:
    body = json.dumps(EMPTY).encode()
    # It promises to keep the connection, and closes it.
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    access = access_to(serve(lambda *_: raw))
    assert [search(client, access) for _ in range(3)] == [EMPTY] * 3


def test_connections_are_used_again(client: FhirClient, serve: Serve) -> None:
    peers: set[Any] = set()

    def answer(_: Mapping[str, Any], send: Callable[[bytes], None]) -> Any:
        peers.add(send.__self__.getpeername())  # type: ignore[attr-defined]
        return 200, EMPTY

    access = access_to(serve(answer))
    for _ in range(5):
        assert search(client, access) == EMPTY
    assert len(peers) == 1


class TestSize:
    def test_a_compressed_answer_is_read(self, client: FhirClient, serve: Serve) -> None:
        body = gzip.compress(json.dumps(EMPTY).encode())
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        access = access_to(serve(lambda *_: head + body))
        assert search(client, access) == EMPTY
        assert access.traffic.received_bytes == len(json.dumps(EMPTY))

    def test_decoded_bytes_are_counted(self, client: FhirClient, serve: Serve) -> None:
        body = gzip.compress(b" " * 50_000_000)
        assert len(body) < 100_000
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert search(client, access_to(serve(lambda *_: head + body))) is FailureCause.TOO_LARGE

    def test_an_endless_answer_is_left(self, client: FhirClient, serve: Serve) -> None:
        def answer(_: Mapping[str, Any], send: Callable[[bytes], None]) -> None:
            send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while True:
                send(b" " * 65536)

        assert search(client, access_to(serve(answer))) is FailureCause.TOO_LARGE

    def test_one_call_has_a_limit_too(self, client: FhirClient, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("service.fhir.access.MAX_CALL_BYTES", 250_000)
        access = access_to(serve(lambda *_: (200, json.dumps(EMPTY).encode() + b" " * 100_000)))
        assert [search(client, access) for _ in range(3)] == [EMPTY, EMPTY, FailureCause.TOO_LARGE]

    def test_an_answer_longer_than_it_says_does_not_reach_the_next_one(self, client: FhirClient, serve: Serve) -> None:
        body = json.dumps(EMPTY).encode()
        smuggled = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"resourceType":"Bad"}'

        def answer(_: Mapping[str, Any], send: Callable[[bytes], None]) -> Any:
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + body + smuggled)
            time.sleep(0.2)
            return b""

        access = access_to(serve(answer))
        assert [search(client, access) for _ in range(2)] == [FailureCause.BAD_ANSWER] * 2

    def test_what_is_not_gzip_cannot_be_read(self, client: FhirClient, serve: Serve) -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
        assert search(client, access_to(serve(lambda *_: raw))) is FailureCause.BAD_ANSWER


class TestTime:
    @pytest.mark.parametrize(
        ("start", "drop"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" "),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
            (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
            (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ],
        ids=["body", "chunks", "a header", "headers", "interim responses"],
    )
    def test_a_server_that_keeps_dripping(self, client: FhirClient, serve: Serve, start: bytes, drop: bytes) -> None:
        def answer(_: Mapping[str, Any], send: Callable[[bytes], None]) -> None:
            send(start)
            for __ in range(200):
                time.sleep(0.05)
                send(drop)

        began = time.monotonic()
        assert search(client, access_to(serve(answer)), seconds=0.4) is FailureCause.TIMEOUT
        assert time.monotonic() - began < 2

    def test_a_silent_server(self, client: FhirClient, serve: Serve) -> None:
        def answer(_: Mapping[str, Any], __: Any) -> Any:
            time.sleep(1)
            return 200, EMPTY

        began = time.monotonic()
        assert search(client, access_to(serve(answer)), seconds=0.2) is FailureCause.TIMEOUT
        assert time.monotonic() - began < 0.9

    def test_no_time_no_request(self, client: FhirClient, closed_port: int) -> None:
        access = access_to(f"http://127.0.0.1:{closed_port}/fhir")
        assert search(client, access, seconds=0) is FailureCause.TIMEOUT
        assert access.traffic.requests == 0


class TestRedirects:
    def test_within_the_allowed_address_it_is_followed(self, client: FhirClient, serve: Serve) -> None:
        def answer(request: Mapping[str, Any], _: Any) -> Any:
            return (307, "/fhir/moved") if "moved" not in request["path"] else (200, EMPTY)

        assert search(client, access_to(serve(answer))) == EMPTY

    def test_elsewhere_it_is_refused(self, client: FhirClient, serve: Serve) -> None:
        seen: list[Mapping[str, Any]] = []
        elsewhere = serve(noting(seen, (200, EMPTY)))
        base = serve(lambda *_: (302, elsewhere))
        assert search(client, access_to(base)) is FailureCause.ADDRESS_NOT_ALLOWED
        assert not seen

    def test_an_allowed_other_origin_does_not_get_the_token(self, client: FhirClient, serve: Serve) -> None:
        seen: list[Mapping[str, Any]] = []
        elsewhere = serve(noting(seen, (200, EMPTY)))
        base = serve(lambda *_: (302, elsewhere))
        assert search(client, access_to(base, allowed=(elsewhere,))) == EMPTY
        assert "authorization" not in seen[0]["headers"]

    def test_a_circle_ends(self, client: FhirClient, serve: Serve) -> None:
        access = access_to(serve(lambda *_: (302, "/fhir/again")))
        assert search(client, access) is FailureCause.BAD_ANSWER
        assert access.traffic.requests == 4

    def test_the_body_of_a_redirect_is_not_read(self, client: FhirClient, serve: Serve) -> None:
        def answer(request: Mapping[str, Any], send: Callable[[bytes], None]) -> Any:
            if "moved" in request["path"]:
                return 200, EMPTY
            send(b"HTTP/1.1 302 Found\r\nLocation: /fhir/moved\r\nConnection: close\r\n\r\n")
            while True:
                send(b" " * 65536)

        assert search(client, access_to(serve(answer))) == EMPTY


class TestAddresses:
    @pytest.mark.parametrize(
        "url", ["http://elsewhere.example/fhir/Patient/p1", "//elsewhere.example/x", "file:///etc"]
    )
    def test_only_allowed_ones_are_asked(self, client: FhirClient, closed_port: int, url: str) -> None:
        access = access_to(f"http://127.0.0.1:{closed_port}/fhir")
        assert search(client, access, url=url) is FailureCause.ADDRESS_NOT_ALLOWED
        assert access.traffic.requests == 0

    @pytest.mark.parametrize("url", ["ftp://server/x", "http://[::1/x", "http://a:b@[/"])
    def test_what_the_transport_cannot_read_is_not_sent(self, client: FhirClient, url: str) -> None:
        access = Access(FhirServer("http://127.0.0.1:9/fhir", lambda _: True))
        assert search(client, access, url=url) is FailureCause.ADDRESS_NOT_ALLOWED
        assert access.traffic.requests == 0

    def test_the_query_is_not_part_of_the_question(self, client: FhirClient, serve: Serve) -> None:
        asked: list[str] = []
        base = serve(lambda *_: (200, EMPTY))
        server = FhirServer(base, lambda url: not asked.append(url))  # type: ignore[func-returns-value]
        assert search(client, Access(server)) == EMPTY
        assert asked == [f"{base}/Observation"]


class TestNothingLeaks:
    def test_neither_into_the_log_nor_into_text(
        self, client: FhirClient, serve: Serve, caplog: pytest.LogCaptureFixture, closed_port: int
    ) -> None:
        caplog.set_level(logging.DEBUG)
        bad = b"HTTP/1.1 200 OK\r\nbroken header\r\nContent-Length: 2\r\n\r\n{}"
        for base in (serve(lambda *_: (200, EMPTY)), serve(lambda *_: bad), f"http://127.0.0.1:{closed_port}/fhir"):
            access = access_to(base)
            said = repr(search(client, access)) + repr(access)
            assert TOKEN not in said
            assert "p1" not in said
        assert "p1" not in caplog.text
        assert TOKEN not in caplog.text

    @pytest.mark.parametrize("token", ["line\nbreak", "naïve", "tab\t"])
    def test_a_token_no_header_can_hold_is_not_sent(self, client: FhirClient, closed_port: int, token: str) -> None:
        access = access_to(f"http://127.0.0.1:{closed_port}/fhir", token=token)
        assert search(client, access) is FailureCause.TOKEN_REFUSED
        assert access.traffic.requests == 0


class TestBatch:
    def test_several_requests_in_one(self, client: FhirClient, serve: Serve) -> None:
        seen: list[Mapping[str, Any]] = []
        patient = {"resourceType": "Patient", "id": "p1"}
        entries = [
            {"response": {"status": "200 OK"}, "resource": patient},
            {"response": {"status": "200"}, "resource": EMPTY},
            {"response": {"status": "403 Forbidden", "outcome": outcome()}},
            {"response": {"status": "400", "outcome": outcome(code="not-supported")}},
            "broken",
        ]

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            seen.append(request)
            return 200, {"resourceType": "Bundle", "type": "batch-response", "entry": entries}

        urls = ["Patient/p1", "Observation?x=1", "Condition?x=1", "AdverseEvent?x=1", "Procedure?x=1"]
        kinds = ["Patient", *["Bundle"] * 4]
        outcomes = client.batch(access_to(serve(answer)), urls, kinds, Deadline(LONG))
        assert outcomes == (
            patient,
            EMPTY,
            FailureCause.TOKEN_REFUSED,
            Refusal(FailureCause.NOT_SUPPORTED),
            FailureCause.BAD_ANSWER,
        )
        assert (seen[0]["method"], seen[0]["path"]) == ("POST", "/fhir")
        assert seen[0]["headers"]["content-type"] == "application/fhir+json"
        sent = json.loads(seen[0]["body"])
        assert [entry["request"] for entry in sent["entry"]] == [{"method": "GET", "url": url} for url in urls]

    @pytest.mark.parametrize(
        ("status", "content", "cause"),
        [
            (401, b"", FailureCause.TOKEN_REFUSED),
            (429, b"", FailureCause.RATE_LIMITED),
            (503, b"", FailureCause.SERVER_ERROR),
        ],
    )
    def test_a_batch_that_fails_as_a_whole(
        self, client: FhirClient, serve: Serve, status: int, content: Any, cause: FailureCause
    ) -> None:
        access = access_to(serve(lambda *_: (status, content)))
        assert client.batch(access, ["a?", "b?"], ["Bundle"] * 2, Deadline(LONG)) == (cause, cause)

    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (400, outcome()),
            (403, b""),
            (404, b""),
            (405, b""),
            (500, outcome()),
            (302, "/fhir/other"),
            (200, {"resourceType": "Bundle", "type": "batch-response", "entry": []}),
            (200, outcome()),
            (200, b"<html>"),
        ],
    )
    def test_a_server_that_takes_no_batches(self, client: FhirClient, serve: Serve, status: int, content: Any) -> None:
        access = access_to(serve(lambda *_: (status, content)))
        assert client.batch(access, ["a?", "b?"], ["Bundle"] * 2, Deadline(LONG)) is None


class TestPost:
    def test_a_search_by_post_has_no_patient_in_its_url(self, client: FhirClient, serve: Serve) -> None:
        seen: list[Mapping[str, Any]] = []
        access = access_to(serve(noting(seen, (200, EMPTY))), search_method="POST")
        assert search(client, access, url="Observation?patient=p%2F1&code=1-2,3-4") == EMPTY
        assert (seen[0]["method"], seen[0]["path"]) == ("POST", "/fhir/Observation/_search")
        assert seen[0]["headers"]["content-type"] == "application/x-www-form-urlencoded"
        assert seen[0]["headers"]["accept"] == "application/fhir+json"
        assert seen[0]["body"] == b"patient=p%2F1&code=1-2,3-4"

    @pytest.mark.parametrize("status", [404, 405, 415, 501])
    def test_who_chose_post_gets_no_get(self, client: FhirClient, serve: Serve, status: int) -> None:
        seen: list[Mapping[str, Any]] = []
        access = access_to(serve(noting(seen, (status, b""))), search_method="POST")
        assert isinstance(search(client, access), FailureCause)
        assert {request["method"] for request in seen} == {"POST"}

    def test_a_long_url_is_avoided(self, client: FhirClient, serve: Serve) -> None:
        seen: list[Mapping[str, Any]] = []
        access = access_to(serve(noting(seen, (200, EMPTY))))
        assert search(client, access, url=f"Observation?patient=p1&code={'1-2,' * 600}") == EMPTY
        assert seen[0]["path"] == "/fhir/Observation/_search"

    def test_a_long_url_is_better_than_none(self, client: FhirClient, serve: Serve) -> None:
        access = access_to(serve(lambda request, _: (405, b"") if request["method"] == "POST" else (200, EMPTY)))
        assert search(client, access, url=f"Observation?patient=p1&code={'1-2,' * 600}") == EMPTY

    @pytest.mark.parametrize(("status", "expected"), [(307, EMPTY), (308, EMPTY), (302, FailureCause.BAD_ANSWER)])
    def test_only_redirects_that_keep_the_method_are_followed(
        self, client: FhirClient, serve: Serve, status: int, expected: Any
    ) -> None:
        seen: list[Mapping[str, Any]] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            seen.append(request)
            return (status, "/fhir/moved") if "moved" not in request["path"] else (200, EMPTY)

        access = access_to(serve(answer), search_method="POST")
        assert search(client, access) == expected
        assert {(request["method"], request["body"]) for request in seen} == {("POST", b"patient=p1&code=1-2")}


class TestSecondAttempt:
    @pytest.mark.parametrize(
        ("status", "header"),
        [
            (502, ""),
            (503, ""),
            (504, ""),
            (503, "Retry-After: 0"),
            (429, "Retry-After: 0"),
            (429, "Date: Mon, 02 Mar 2026 12:00:00 GMT\r\nRetry-After: Mon, 02 Mar 2026 12:00:01 GMT"),
        ],
    )
    def test_what_passes_is_tried_once_more(self, client: FhirClient, serve: Serve, status: int, header: str) -> None:
        head = f"HTTP/1.1 {status} X\r\n{header}\r\n".replace("\r\n\r\n", "\r\n")
        refusal = f"{head}Content-Length: 0\r\n\r\n".encode()
        attempts: list[str] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            attempts.append(request["path"])
            return refusal if len(attempts) == 1 else (200, EMPTY)

        assert search(client, access_to(serve(answer))) == EMPTY
        assert len(attempts) == 2

    @pytest.mark.parametrize(
        ("status", "header", "cause"),
        [
            (500, "", FailureCause.SERVER_ERROR),
            (501, "", FailureCause.SERVER_ERROR),
            (429, "", FailureCause.RATE_LIMITED),
            (429, "Retry-After: 120\r\n", FailureCause.RATE_LIMITED),
            (429, "Retry-After: soon\r\n", FailureCause.RATE_LIMITED),
            (503, "Retry-After: 120\r\n", FailureCause.SERVER_ERROR),
            (401, "", FailureCause.TOKEN_REFUSED),
            (408, "Retry-After: 0\r\n", FailureCause.TIMEOUT),
        ],
    )
    def test_what_will_not_change_in_time_is_not(
        self, client: FhirClient, serve: Serve, status: int, header: str, cause: FailureCause
    ) -> None:
        access = access_to(serve(lambda *_: f"HTTP/1.1 {status} X\r\n{header}Content-Length: 0\r\n\r\n".encode()))
        began = time.monotonic()
        assert search(client, access) is cause
        assert access.traffic.requests == 1
        assert time.monotonic() - began < LONG / 2

    def test_there_is_no_third(self, client: FhirClient, serve: Serve) -> None:
        access = access_to(serve(lambda *_: (503, b"")))
        assert search(client, access) is FailureCause.SERVER_ERROR
        assert access.traffic.requests == 2


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match="R4"):
        FhirServer("https://ehr.example/fhir", lambda _: True, version="R6")
