"""Rows X1 to X15: tokens, keys, browsers. The whole matrix of tokens is tested beside the modules of `service.auth`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from service.auth.clients import read_clients
from service.auth.key_ring import KeyRing
from service.auth.keys import UnknownKeyError
from service.config import ConfigurationError, Settings

row = pytest.mark.row
SIGN = "/cds-services/lenalidomide-order-sign"


def called(guarded: Any, token: str | None) -> bool:
    """Whether a call with a token gets past authentication: the empty body is then refused for itself."""
    status = guarded.status(SIGN, token, "POST", {})
    assert status in (400, 401)
    return bool(status == 400)


@row("X1")
def test_the_public_address_is_https(guarded: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LENCDS_BASE_URL"):
        Settings.load({"LENCDS_BASE_URL": "http://cds.example.org", "LENCDS_AUTH": "off"})
    for response in (guarded.web.get("/cds-services"), guarded.web.post(SIGN)):
        assert response.headers["Strict-Transport-Security"].startswith("max-age=")


@row("X2")
def test_authentication_is_on_unless_switched_off() -> None:
    with pytest.raises(ConfigurationError, match="client"):
        Settings.load({"LENCDS_BASE_URL": "https://cds.example.org"}, serving=True)


@row("X4")
def test_no_call_without_a_token(guarded: Any) -> None:
    assert not called(guarded, None)
    assert guarded.status(f"{SIGN}/feedback", None, "POST", {"feedback": []}) == 401


@row("X5")
@pytest.mark.parametrize("header", [{"kid": None}, {"typ": "at+jwt"}, {"kid": "another"}, {"crit": ["x"]}])
def test_the_header(guarded: Any, header: dict[str, Any]) -> None:
    assert called(guarded, guarded.token(SIGN))
    assert not called(guarded, guarded.token(SIGN, header=header))


@row("X6")
@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti"])
def test_the_claims(guarded: Any, claim: str) -> None:
    assert not called(guarded, guarded.token(SIGN, **{claim: None}))


@row("X6")
def test_the_audience_is_the_address_called(guarded: Any) -> None:
    right = "https://cds.example.org/base" + SIGN
    assert called(guarded, guarded.token(SIGN, aud=["https://other.example", right]))
    assert not called(guarded, guarded.token(SIGN, aud=[right + "/"]))
    assert not called(guarded, guarded.token(SIGN, aud="http://localhost" + SIGN))


@row("X7")
def test_none_and_symmetric_algorithms_are_refused(guarded: Any) -> None:
    claims = jwt.decode(guarded.token(SIGN), options={"verify_signature": False})
    for algorithm, key in (("none", None), ("HS256", "x" * 32), ("HS384", "x" * 48), ("HS512", "x" * 64)):
        token = jwt.encode(claims, key or "", algorithm=algorithm, headers={"kid": "rsa"})
        assert not called(guarded, token)


@row("X8")
def test_rs384_and_es384_are_accepted_and_others_are_not(guarded: Any) -> None:
    assert called(guarded, guarded.token(SIGN))
    assert called(guarded, guarded.token(SIGN, key="ec"))
    claims = jwt.decode(guarded.token(SIGN), options={"verify_signature": False})
    for algorithm in ("RS256", "RS512", "PS384"):
        other = jwt.encode(claims, guarded.keys["rsa"].private, algorithm=algorithm, headers={"kid": "rsa"})
        assert not called(guarded, other)


class KeyHost:
    """Publishes keys, and counts who asks."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.paths: list[str] = []
        self.server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _answer(self, environ: Any, start_response: Any) -> Any:
        self.paths.append(Request(environ).path)
        return Response(json.dumps({"keys": self.keys}), mimetype="application/json")(environ, start_response)


@pytest.fixture
def key_host() -> Iterator[KeyHost]:
    host = KeyHost()
    thread = threading.Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield host
    host.server.shutdown()
    thread.join()
    host.server.server_close()


@row("X9")
def test_issuers_and_key_addresses_are_on_a_list(make_guarded: Any, key_host: KeyHost, rsa_key: Any) -> None:
    key_host.keys = [rsa_key.public()]
    guarded = make_guarded(f'jku_allow = ["{key_host.url}/keys"]')
    assert not called(guarded, guarded.token(SIGN, iss="https://stranger.example"))
    assert not called(guarded, guarded.token(SIGN, header={"jku": f"{key_host.url}/other"}))
    assert key_host.paths == []
    assert called(guarded, guarded.token(SIGN, header={"jku": f"{key_host.url}/keys/1"}))


@row("X10")
def test_keys_may_be_written_into_the_configuration(guarded: Any) -> None:
    assert called(guarded, guarded.token(SIGN))


@row("X11")
def test_a_new_key_is_found_without_restart(key_host: KeyHost, rsa_key: Any, ec_key: Any) -> None:
    """The key set is fetched again for a key it lacks, at most once a minute."""
    (client,), problems = read_clients([{"name": "ehr", "issuer": "https://ehr.example", "jwks_url": key_host.url}])
    assert not problems
    minutes = [1000.0]
    ring = KeyRing([client], monotonic=lambda: minutes[-1])
    key_host.keys = [rsa_key.public()]
    assert ring.find(client, "rsa", "RS384", None)
    key_host.keys = [ec_key.public()]
    minutes.append(minutes[-1] + 61)
    assert ring.find(client, "ec", "ES384", None)
    for _ in range(3):
        with pytest.raises(UnknownKeyError):
            ring.find(client, "another", "ES384", None)
    assert len(key_host.paths) == 2


@row("X12")
def test_a_token_counts_once(guarded: Any) -> None:
    token = guarded.token(SIGN)
    assert called(guarded, token)
    assert not called(guarded, token)
    wrong_audience = guarded.token("/other", jti="reused")
    assert not called(guarded, wrong_audience)
    assert called(guarded, guarded.token(SIGN, jti="reused"))


@row("P18", "X13")
def test_tokens_of_callers_are_kept_nowhere(guarded: Any, capfd: pytest.CaptureFixture[str]) -> None:
    tokens = [guarded.token(SIGN), guarded.token(SIGN, exp=2), guarded.token("/other")]
    for token in tokens:
        guarded.status(SIGN, token, "POST", {})
    written = capfd.readouterr()
    for token in tokens:
        signature = token.rpartition(".")[2]
        assert signature not in written.out + written.err
        for file in guarded.folder.rglob("*"):
            if file.is_file():
                assert signature.encode() not in file.read_bytes(), file.name


@row("X14")
def test_no_record_keeps_the_patient(stage: Any, capfd: pytest.CaptureFixture[str]) -> None:
    stage.topics(stage.request("liver-enzymes-high"))
    written = capfd.readouterr()
    patient = stage.patients["liver-enzymes-high"]
    for planted in (patient.id, patient.name.split()[-1]):
        assert planted not in written.out + written.err
        for file in stage.folder.rglob("*"):
            if file.is_file():
                assert planted.encode() not in file.read_bytes(), file.name


@row("X15")
@pytest.mark.parametrize("path", ["/cds-services", SIGN, f"{SIGN}/feedback"])
def test_browsers_are_let_in_where_configured(make_guarded: Any, path: str) -> None:
    origin = "https://ehr.example.org"
    guarded = make_guarded(LENCDS_CORS_ORIGINS=origin)
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = guarded.web.options(path, headers=asked)
    assert preflight.status_code in (200, 204)
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    stranger = guarded.web.options(path, headers={**asked, "Origin": "https://stranger.example"})
    assert "Access-Control-Allow-Origin" not in stranger.headers
