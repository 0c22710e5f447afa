"""Tokens that are almost right: nobody gets in with one, and none makes the service fail."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from hypothesis import given, note
from hypothesis import strategies as st

from service.app import create_app
from service.auth.clients import read_clients
from service.config import Settings
from tests.fuzz.depth import examples
from tests.fuzz.mutation import STRINGS, apply, draw_change
from tests.fuzz.stage import NOW

ISSUER = "https://ehr.example.org/fhir"
BASE_URL = "https://cds.example.org"
ADDRESS = "/cds-services/lenalidomide-order-sign"
KEY = ec.generate_private_key(ec.SECP384R1())
STRANGE_KEY = ec.generate_private_key(ec.SECP384R1())
HEADER = {"alg": "ES384", "typ": "JWT", "kid": "k"}
REQUIRED = ("iss", "aud", "exp", "iat", "jti")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("guarded")
    jwk = {**jwt.get_algorithm_by_name("ES384").to_jwk(KEY.public_key(), as_dict=True), "kid": "k"}
    jwk.pop("key_ops", None)
    clients, problems = read_clients([{"name": "ehr", "issuer": ISSUER, "jwks": {"keys": [jwk]}}])
    assert not problems
    settings = Settings(
        base_url=BASE_URL,
        clients=tuple(clients),
        database_url=f"sqlite:///{folder / 'guarded.sqlite3'}",
        spool_dir=folder / "spool",
        log_level="error",
    )
    app = create_app(settings, clock=lambda: NOW)
    yield app.test_client()
    app.extensions["lencds"].close()


def claims() -> dict[str, Any]:
    moment = int(NOW.timestamp())
    return {"iss": ISSUER, "aud": BASE_URL + ADDRESS, "exp": moment + 300, "iat": moment, "jti": uuid.uuid4().hex}


def segment(value: Any) -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def signed(header: Any, payload: Any, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    """Sign whatever it is, as the algorithm ES384 demands."""
    text = segment(header) + b"." + segment(payload)
    signature = jwt.get_algorithm_by_name("ES384").sign(text, key)
    return (text + b"." + segment(signature)).decode()


def status_of(guarded: FlaskClient, authorization: str) -> int:
    response = guarded.post(ADDRESS, data=b"{}", headers={"Authorization": authorization})
    if response.status_code == 401:
        issue = response.json["issue"][0]
        assert issue.keys() == {"severity", "code"}, "the answer says why"
        assert response.headers["WWW-Authenticate"] == "Bearer"
    return response.status_code


def test_the_token_that_is_broken_below_is_good(guarded: FlaskClient) -> None:
    assert status_of(guarded, f"Bearer {signed(HEADER, claims())}") == 400, "let in; the body is no request"


def test_a_claim_that_is_not_right_is_refused_though_it_is_signed(guarded: FlaskClient, tally: Counter[str]) -> None:
    @examples(150)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        payload = claims()
        change = draw_change(data, payload)
        note(repr(change))
        apply(change, payload)
        status = status_of(guarded, f"Bearer {signed(HEADER, payload)}")
        tally[str(status)] += 1
        is_usable_id = change.path == ("jti",) and isinstance(payload.get("jti"), str) and payload["jti"].isprintable()
        assert status == 401 or (status == 400 and is_usable_id)

    run()


def test_a_header_that_is_not_right_is_refused_though_it_is_signed(guarded: FlaskClient, tally: Counter[str]) -> None:
    members = ("alg", "typ", "kid", "jku", "jwk", "x5c", "crit", "b64", "zip", "cty")
    odd = st.sampled_from(
        [*STRINGS, "none", "None", "HS256", "RS384", "es384", "ES256", None, True, 1, [], {}, ["ES384"]]
    )

    @examples(150)
    @given(st.sampled_from(members), odd)
    def run(member: str, value: Any) -> None:
        header = {**HEADER, member: value}
        status = status_of(guarded, f"Bearer {signed(header, claims())}")
        tally[str(status)] += 1
        assert status in (400, 401)
        if member in ("alg", "kid", "crit", "b64"):
            assert status == 401

    run()


def test_nothing_but_the_key_of_the_client_opens(guarded: FlaskClient, tally: Counter[str]) -> None:
    header, payload, signature = signed(HEADER, claims()).split(".")
    secrets = [b"secret" * 10, segment(HEADER) * 2]
    forged = [
        signed(HEADER, claims(), STRANGE_KEY),
        *(jwt.encode(claims(), secret, "HS256", {"kid": "k"}) for secret in secrets),
        *(f"{segment({**HEADER, 'alg': 'none'}).decode()}.{payload}.{end}" for end in ("", signature)),
        f"{header}.{payload}",
        f"{header}.{payload}.",
        f"{header}..{signature}",
        f"{header}.{segment(claims()).decode()}.{signature}",
        f"{header}.{segment([claims()]).decode()}.{signature}",
    ]
    for token in forged:
        tally[str(status_of(guarded, f"Bearer {token}"))] += 1

    @examples(100)
    @given(st.integers(0, len(signature) - 3), st.sampled_from("ABCDefgh0123-_=+/. ,\u00e9"))
    def run(place: int, character: str) -> None:
        changed = signature[:place] + character + signature[place + 1 :]
        if changed != signature:
            tally[str(status_of(guarded, f"Bearer {header}.{payload}.{changed}"))] += 1

    run()
    assert tally.keys() == {"401"}


def test_any_authorization_header_is_answered(guarded: FlaskClient, tally: Counter[str]) -> None:
    texts = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)
    scheme = st.sampled_from(["", "Bearer", "bearer ", "Bearer  ", "Basic ", "Bearer Bearer ", "JWT "])

    @examples(100)
    @given(
        scheme,
        texts | st.just("a." * 20_000) | st.just("e30.e30.e30") | st.just(segment(b"[" * 9_000).decode() + ".e30."),
    )
    def run(scheme: str, text: str) -> None:
        tally[str(status_of(guarded, scheme + text))] += 1

    run()
    assert tally.keys() == {"401"}
