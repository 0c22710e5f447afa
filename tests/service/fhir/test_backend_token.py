"""SMART Backend Services against a real token endpoint and a real FHIR server."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import jwt
import pytest
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cds_hooks.prefetch import FailureCause
from cds_hooks.protocol.request import parse_request
from service.addresses import Address
from service.auth.clients import BackendServices, Client
from service.fhir.access import Access, FhirServer
from service.fhir.backend_token import BackendToken, BackendTokens
from service.fhir.breaker import BreakerRegistry
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.transport import Transport
from service.order_check import fhir_access

Serve: TypeAlias = Callable[[Callable[[Mapping[str, Any], Callable[[bytes], None]], Any]], str]

PATIENT = {"resourceType": "Patient", "id": "p1"}
SECONDS_SINCE_EPOCH = 1_780_000_000.0
LONG = 10.0
KEYS = {"RS384": rsa.generate_private_key(65537, 2048), "ES384": ec.generate_private_key(ec.SECP384R1())}


class Endpoint:
    """A token endpoint that grants numbered tokens, or does what a test wants."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, Any]] = []
        self.answer: Any = None
        self.delay = 0.0
        self.lifetime: Any = 300

    def __call__(self, request: Mapping[str, Any], _: Any) -> Any:
        self.seen.append(request)
        time.sleep(self.delay)
        if self.answer is not None:
            return self.answer
        grant = {"access_token": f"token-{len(self.seen)}", "token_type": "Bearer", "expires_in": self.lifetime}
        return 200, {name: value for name, value in grant.items() if value is not None}


class Monotonic:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture(params=["RS384"])
def key_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "key.pem"
    file.write_bytes(
        KEYS[request.param].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    file.chmod(0o600)
    return file


@pytest.fixture
def source(
    endpoint: Endpoint,
    serve: Serve,
    key_file: Path,
    transport: Transport,
    breakers: BreakerRegistry,
    monotonic: Monotonic,
) -> Iterator[BackendToken]:
    services = BackendServices("our-id", Address.parse(serve(endpoint).replace("/fhir", "/token")), key_file, "key-1")
    yield BackendToken(
        "ehr",
        services,
        transport,
        breakers,
        now=lambda: SECONDS_SINCE_EPOCH,
        monotonic=monotonic,
    )
    for thread in threading.enumerate():
        if thread.name == "access-token":
            thread.join(10)


def wait_for(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


class TestRequest:
    @pytest.mark.parametrize("key_file", ["RS384", "ES384"], indirect=True)
    def test_it_is_what_smart_asks_for(
        self, source: BackendToken, endpoint: Endpoint, request: pytest.FixtureRequest
    ) -> None:
        assert source.token(Deadline(LONG)) == "token-1"
        sent = endpoint.seen[0]
        assert (sent["method"], sent["path"]) == ("POST", "/token")
        assert sent["headers"]["content-type"] == "application/x-www-form-urlencoded"
        assert "authorization" not in sent["headers"]
        form = {name: values[0] for name, values in parse_qs(sent["body"].decode()).items()}
        assertion = form.pop("client_assertion")
        assert form == {
            "grant_type": "client_credentials",
            "scope": "system/*.rs",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
        algorithm = request.node.callspec.params["key_file"]
        assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "kid": "key-1", "typ": "JWT"}
        claims = jwt.decode(
            assertion, KEYS[algorithm].public_key(), [algorithm], options={"verify_exp": False, "verify_aud": False}
        )
        assert claims.pop("jti")
        assert claims.pop("aud") == f"http://{sent['headers']['host']}/token"
        assert 0 < claims.pop("exp") - SECONDS_SINCE_EPOCH <= 300
        assert claims == {"iss": "our-id", "sub": "our-id"}

    def test_each_assertion_is_used_once(self, source: BackendToken, endpoint: Endpoint) -> None:
        for _ in range(3):
            source.refused(str(source.token(Deadline(LONG))))
        assertions = [parse_qs(sent["body"].decode())["client_assertion"][0] for sent in endpoint.seen]
        ids = {jwt.decode(one, options={"verify_signature": False})["jti"] for one in assertions}
        assert len(ids) == 3


class TestKeeping:
    def test_it_is_kept_until_shortly_before_its_end(
        self, source: BackendToken, endpoint: Endpoint, monotonic: Monotonic
    ) -> None:
        tokens = []
        for _ in range(22):
            tokens.append(source.token(Deadline(LONG)))
            monotonic.now += 10
        assert set(tokens) == {"token-1"}
        assert len(endpoint.seen) == 1

    def test_it_is_renewed_while_the_old_one_serves(
        self, source: BackendToken, endpoint: Endpoint, monotonic: Monotonic
    ) -> None:
        source.token(Deadline(LONG))
        endpoint.delay = 0.3
        monotonic.now += 240
        assert source.token(Deadline(LONG)) == "token-1"
        wait_for(lambda: source.token(Deadline(LONG)) == "token-2")
        assert len(endpoint.seen) == 2

    def test_one_that_has_nearly_ended_is_not_used(self, source: BackendToken, monotonic: Monotonic) -> None:
        source.token(Deadline(LONG))
        monotonic.now += 291
        assert source.token(Deadline(LONG)) == "token-2"

    @pytest.mark.parametrize("lifetime", [None, "300", -5, True, "soon", 0])
    def test_a_lifetime_that_is_unsaid_or_odd_is_short(
        self, source: BackendToken, endpoint: Endpoint, monotonic: Monotonic, lifetime: Any
    ) -> None:
        endpoint.lifetime = lifetime
        assert source.token(Deadline(LONG)) == "token-1"
        monotonic.now += 291
        assert source.token(Deadline(LONG)) == "token-2"

    def test_many_calls_wait_for_one_request(self, source: BackendToken, endpoint: Endpoint) -> None:
        endpoint.delay = 0.3
        with ThreadPoolExecutor(16) as threads:
            tokens = set(threads.map(lambda _: source.token(Deadline(LONG)), range(16)))
        assert tokens == {"token-1"}
        assert len(endpoint.seen) == 1

    def test_a_slow_endpoint_serves_the_next_call(self, source: BackendToken, endpoint: Endpoint) -> None:
        endpoint.delay = 0.8
        began = time.monotonic()
        assert source.token(Deadline(0.1)) is None
        assert time.monotonic() - began < 0.7
        assert source.token(Deadline(LONG)) == "token-1"
        assert len(endpoint.seen) == 1


@contextmanager
def everything_logged() -> Iterator[list[Any]]:
    """Provide what is logged, whatever level another test has configured."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)


class TestFailure:
    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ((400, {"error": "invalid_client"}), "status 400 (invalid_client)"),
            ((400, {"error": "secret patient p1"}), "status 400"),
            ((500, b"<html>"), "status 500"),
            ((302, "https://elsewhere.example/token"), "status 302"),
            ((200, b"<html>"), "no access token"),
            ((200, {"token_type": "bearer"}), "no access token"),
            ((200, {"access_token": "line\nbreak", "token_type": "bearer"}), "no access token"),
            ((200, {"access_token": "x", "token_type": "mac"}), "something else than a bearer token"),
            ((200, b" " * 100_000), "too long"),
            (b"", "did not answer"),
        ],
    )
    def test_the_reason_is_logged_and_nothing_else(
        self, source: BackendToken, endpoint: Endpoint, answer: Any, reason: str
    ) -> None:
        endpoint.answer = answer
        with everything_logged() as lines:
            assert source.token(Deadline(LONG)) is None
            wait_for(lambda: bool(lines))
        assert reason in lines[0]["reason"]
        assert lines[0]["client"] == "ehr"
        assert "p1" not in str(lines)
        assert "eyJ" not in str(lines)

    def test_an_endpoint_that_keeps_failing_is_left_alone(
        self, source: BackendToken, endpoint: Endpoint, breakers: BreakerRegistry
    ) -> None:
        endpoint.answer = (503, b"")
        assert [source.token(Deadline(LONG)) for _ in range(9)] == [None] * 9
        assert len(endpoint.seen) == 5
        (base,) = breakers.states()
        assert base.endswith("/token")
        assert breakers.states() == {base: "open"}

    def test_a_key_file_that_has_gone_is_a_failure(self, source: BackendToken, key_file: Path) -> None:
        key_file.unlink()
        assert source.token(Deadline(LONG)) is None

    def test_nothing_leaks(self, source: BackendToken, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        source.token(Deadline(LONG))
        assert "token-1" not in repr(source) + repr(vars(source)) + caplog.text


class TestWithFhirServer:
    def test_the_token_is_sent(self, source: BackendToken, client: FhirClient, serve: Serve) -> None:
        seen: list[Any] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            seen.append(request["headers"].get("authorization"))
            return 200, PATIENT

        access = Access(FhirServer(serve(answer), lambda _: True), tokens=source)
        assert client.get(access, "Patient/p1", "Patient", Deadline(LONG)) == PATIENT
        assert seen == ["Bearer token-1"]

    def test_not_to_another_origin(self, source: BackendToken, client: FhirClient, serve: Serve) -> None:
        seen: list[Any] = []

        def answer(request: Mapping[str, Any], _: Any) -> Any:
            seen.append(request["headers"].get("authorization"))
            return 200, PATIENT

        elsewhere = serve(answer)
        base = serve(lambda *_: (307, f"{elsewhere}/Patient/p1"))
        access = Access(FhirServer(base, lambda _: True), tokens=source)
        assert client.get(access, "Patient/p1", "Patient", Deadline(LONG)) == PATIENT
        assert seen == [None]

    def test_one_that_was_revoked_is_replaced(self, source: BackendToken, client: FhirClient, serve: Serve) -> None:
        def answer(request: Mapping[str, Any], _: Any) -> Any:
            return (200, PATIENT) if request["headers"]["authorization"] == "Bearer token-2" else (401, b"")

        access = Access(FhirServer(serve(answer), lambda _: True), tokens=source)
        assert client.get(access, "Patient/p1", "Patient", Deadline(LONG)) == PATIENT
        assert access.traffic.requests == 2

    def test_a_server_that_refuses_every_token_is_asked_twice(
        self, source: BackendToken, client: FhirClient, serve: Serve
    ) -> None:
        access = Access(FhirServer(serve(lambda *_: (401, b"")), lambda _: True), tokens=source)
        assert client.get(access, "Patient/p1", "Patient", Deadline(LONG)) is FailureCause.TOKEN_REFUSED
        assert access.traffic.requests == 2

    def test_without_token_nothing_is_asked(
        self, source: BackendToken, endpoint: Endpoint, client: FhirClient, closed_port: int
    ) -> None:
        endpoint.answer = (400, b"")
        access = Access(FhirServer(f"http://127.0.0.1:{closed_port}/fhir", lambda _: True), tokens=source)
        assert client.get(access, "Patient/p1", "Patient", Deadline(LONG)) is FailureCause.NO_ACCESS_TOKEN
        assert access.traffic.requests == 0


class TestWhoseToken:
    def access(self, client: Client, authorization: Any) -> Access:
        body = {
            "hook": "order-sign",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "fhirServer": "https://ehr.example.org/fhir",
            "context": {"userId": "Practitioner/1", "patientId": "p1", "draftOrders": {"resourceType": "Bundle"}},
            **({"fhirAuthorization": authorization} if authorization else {}),
        }
        tokens = BackendTokens(Transport(1), BreakerRegistry())
        access = fhir_access(parse_request(json.dumps(body).encode()), client, tokens.of)
        assert access is not None
        return access

    def client(self, key_file: Path) -> Client:
        services = BackendServices("our-id", Address.parse("https://ehr.example.org/token"), key_file, "k")
        fhir = Address.parse("https://ehr.example.org/fhir")
        return Client(name="ehr", fhir_servers=(fhir,), backend_services=services)

    def test_that_of_the_call_goes_first(self, key_file: Path) -> None:
        authorization = {
            "access_token": "theirs",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "user/*.rs",
            "subject": "cds",
        }
        access = self.access(self.client(key_file), authorization)
        assert access.token == "theirs"
        assert access.tokens is None

    def test_ours_when_the_call_brings_none(self, key_file: Path) -> None:
        access = self.access(self.client(key_file), None)
        assert access.token is None
        assert isinstance(access.tokens, BackendToken)

    def test_none_for_a_client_without(self) -> None:
        fhir = Address.parse("https://ehr.example.org/fhir")
        access = self.access(Client(name="ehr", fhir_servers=(fhir,)), None)
        assert access.token is access.tokens is None

    @pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o644, 1)])
    def test_a_key_file_open_to_others_is_warned_of_once(self, key_file: Path, mode: int, warnings: int) -> None:
        key_file.chmod(mode)
        tokens = BackendTokens(Transport(1), BreakerRegistry())
        with everything_logged() as lines:
            assert tokens.of(self.client(key_file)) is tokens.of(self.client(key_file))
        assert len(lines) == warnings
