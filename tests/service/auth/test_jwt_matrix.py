"""The matrix of tokens, over HTTP: what each is answered, at discovery, service and feedback alike.

`docs/jwt-matrix.md` shows it as a table; after a change, write it anew with
`python tests/service/auth/test_jwt_matrix.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.auth.caller import Refusal
from service.config import Settings
from tests import planted

PAGE = Path(__file__).parents[3] / "docs" / "jwt-matrix.md"
BASE = "https://cds.example.org/base"
SERVICE = "/cds-services/lenalidomide-order-sign"
ISSUER = "https://ehr.example.org/fhir"
OF_URL, OF_JKU, OF_TENANTS, OF_EPIC, LIBERAL = (
    f"https://{name}.example.org" for name in ("published", "named", "shared", "epic", "liberal")
)
NOW = 1772366400
LIBERAL_ALGORITHMS = ("RS256", "RS512", "PS256", "PS384", "PS512", "ES256", "ES512")


@dataclass(frozen=True)
class World:
    """What a row makes its token of: keys, the key host, the address called."""

    rsa: Any
    other: Any
    small: Any
    ec: Any
    ec256: Any
    ec521: Any
    host: Any
    path: str

    @property
    def address(self) -> str:
        return BASE + self.path

    def claims(self, **changes: Any) -> dict[str, Any]:
        good = {
            "iss": ISSUER,
            "aud": self.address,
            "iat": NOW,
            "exp": NOW + 300,
            "jti": f"{planted.TOKEN_ID}-{uuid.uuid4().hex}",
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def signed(self, **changes: Any) -> str:
        return str(self.rsa.token(self.claims(**changes)))

    def raw(self, header: dict[str, Any], claims: Any = None, signature: bytes = b"x") -> str:
        claims = self.claims() if claims is None else claims
        return ".".join(map(encode, (header, claims, signature)))

    def hmac(self, algorithm: str, secret: bytes) -> str:
        signed = encode({"alg": algorithm, "kid": "rsa-1", "typ": "JWT"}) + "." + encode(self.claims())
        digest = getattr(hashlib, f"sha{algorithm[2:]}")
        return signed + "." + encode(hmac.new(secret, signed.encode(), digest).digest())

    def liberal(self, algorithm: str) -> str:
        key, kid = self.rsa.private_key, "rsa-1"
        if algorithm == "ES256":
            key, kid = self.ec256, "ec-256"
        elif algorithm == "ES512":
            key, kid = self.ec521, "ec-521"
        return jwt.encode(self.claims(iss=LIBERAL), key, algorithm=algorithm, headers={"kid": kid})


def encode(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Row:
    """One line of the matrix.

    Attributes:
        says: the token in words.
        token: makes it; None sends no Authorization header.
        because: reason in the log; None means the token is let in.
        headers: other headers to send; `{token}` stands for the token.
    """

    says: str
    token: Callable[[World], str | None]
    because: Refusal | None = None
    headers: dict[str, str] = field(default_factory=dict)


def claim(says: str, because: Refusal | None, **changes: Any) -> Row:
    return Row(says, lambda w: w.signed(**changes), because)


def number_as(name: str, digits: str) -> Callable[[World], str]:
    """A token one of whose times is a number as no JSON library writes it."""

    def make(w: World) -> str:
        text = json.dumps(w.claims())[:-1] + f', "{name}": {digits}}}'
        return w.raw({"alg": "RS384", "kid": "rsa-1"}, text.encode())

    return make


def of_jku(jku: str | None) -> Callable[[World], str]:
    return lambda w: str(w.rsa.token(w.claims(iss=OF_JKU), jku=jku.replace("{host}", w.host.url) if jku else jku))


def embedded(member: str) -> Callable[[World], str]:
    """A token of a stranger that brings its own key."""

    def make(w: World) -> str:
        value: Any = w.other.jwk() if member == "jwk" else w.host.url + "/keys/a" if member != "x5c" else ["MII"]
        return str(w.other.token(w.claims(), kid="rsa-1", **{member: value}))

    return make


def changed_claims(w: World) -> str:
    header, _, signature = w.signed().split(".")
    return f"{header}.{encode(w.claims(tenant='another'))}.{signature}"


def changed_header(w: World) -> str:
    _, claims, signature = w.signed().split(".")
    return f"{encode({'alg': 'RS384', 'kid': 'rsa-1', 'typ': 'JWT', 'x': 1})}.{claims}.{signature}"


ADDRESS_AS_SENT = "https://evil.example" + SERVICE

LET_IN = [
    Row("RS384 by a key of the configuration", lambda w: w.signed()),
    Row("ES384 by a key of the configuration", lambda w: w.ec.token(w.claims())),
    Row("a key published at the issuer's JWKS URL", lambda w: w.signed(iss=OF_URL)),
    Row("a key published at a jku within the allow-list", of_jku("{host}/keys/530027")),
    Row(
        "a jku anywhere, where keys are configured (it is ignored)", lambda w: w.rsa.token(w.claims(), jku="https://x")
    ),
    *(Row(f"{one} of a client configured for it", lambda w, one=one: w.liberal(one)) for one in LIBERAL_ALGORITHMS),
    Row("aud an array that holds the address called", lambda w: w.signed(aud=["https://else", w.address])),
    claim("aud the value configured for the client", None, iss=OF_EPIC, aud="as-agreed"),
    claim("expired, within the leeway of 30 s", None, iat=NOW - 300, exp=NOW - 29),
    claim("issued in the future, within the leeway", None, iat=NOW + 30),
    claim("nbf in the future, within the leeway", None, nbf=NOW + 30),
    claim("nbf long past", None, nbf=NOW - 300),
    claim("valid for 3600 s, the most", None, exp=NOW + 3600),
    claim("a tenant of the client", None, iss=OF_TENANTS, tenant="b"),
    claim("a tenant of a client without tenants (it is not looked at)", None, tenant="any"),
    claim("further claims", None, sub="client-id", scope="x"),
    Row("no typ", lambda w: w.rsa.token(w.claims(), typ=None)),
]

REFUSED = [
    Row("no Authorization header", lambda _: None, Refusal.MISSING),
    Row("the token in the query", lambda _: None, Refusal.MISSING, {"X-Query": "access_token={token}"}),
    Row("scheme Basic", lambda _: None, Refusal.MISSING, {"Authorization": "Basic {token}"}),
    Row("scheme Bearer without a token", lambda _: None, Refusal.MISSING, {"Authorization": "Bearer "}),
    Row("not a token", lambda _: "nonsense", Refusal.UNREADABLE),
    Row("two tokens", lambda w: f"{w.signed()}, {w.signed()}", Refusal.UNREADABLE),
    Row("an encrypted token (five parts)", lambda _: "a.b.c.d.e", Refusal.UNREADABLE),
    Row("claims that are an array", lambda w: w.raw({"alg": "RS384", "kid": "rsa-1"}, []), Refusal.UNREADABLE),
    Row("claims nested 6000 deep", lambda w: w.raw({"alg": "RS384"}, b"[" * 6000), Refusal.UNREADABLE),
    Row("longer than 16 KiB", lambda w: w.signed(x="x" * 17_000), Refusal.UNREADABLE),
    Row("alg none", lambda w: w.raw({"alg": "none", "kid": "rsa-1"}, signature=b""), Refusal.ALGORITHM),
    Row("alg nOnE", lambda w: w.raw({"alg": "nOnE", "kid": "rsa-1"}, signature=b""), Refusal.ALGORITHM),
    Row("no alg", lambda w: w.raw({"kid": "rsa-1"}), Refusal.ALGORITHM),
    Row("alg an array", lambda w: w.raw({"alg": ["RS384"], "kid": "rsa-1"}), Refusal.ALGORITHM),
    *(
        Row(
            f"{one} with the public key as secret",
            lambda w, one=one: w.hmac(one, w.rsa.public_pem()),
            Refusal.ALGORITHM,
        )
        for one in ("HS256", "HS384", "HS512")
    ),
    Row("HS256 with the JWK as secret", lambda w: w.hmac("HS256", json.dumps(w.rsa.jwk()).encode()), Refusal.ALGORITHM),
    Row("RS256 of a client not configured for it", lambda w: _with(w, "RS256"), Refusal.ALGORITHM),
    Row("PS384 of a client not configured for it", lambda w: _with(w, "PS384"), Refusal.ALGORITHM),
    Row("RS384 of a client configured for others", lambda w: w.signed(iss=LIBERAL), Refusal.ALGORITHM),
    Row(
        "ES384 in the header, the kid of an RSA key",
        lambda w: w.ec.token(w.claims(), kid="rsa-1"),
        Refusal.UNUSABLE_KEY,
    ),
    Row("by a stranger's key", lambda w: w.other.token(w.claims(), kid="rsa-1"), Refusal.SIGNATURE),
    Row("claims changed after signing", changed_claims, Refusal.SIGNATURE),
    Row("header changed after signing", changed_header, Refusal.SIGNATURE),
    Row("signature cut off", lambda w: w.signed().rsplit(".", 1)[0] + ".", Refusal.SIGNATURE),
    *(
        Row(f"a stranger's key brought along as {one}", embedded(one), Refusal.SIGNATURE)
        for one in ("jwk", "x5u", "x5c", "jku")
    ),
    Row("a 1024-bit RSA key", lambda w: w.small.token(w.claims(iss=OF_URL)), Refusal.UNUSABLE_KEY),
    Row("no kid", lambda w: w.rsa.token(w.claims(), kid=None), Refusal.HEADER),
    Row("a kid that no key has", lambda w: w.rsa.token(w.claims(), kid="never-seen"), Refusal.UNKNOWN_KEY),
    Row("crit in the header", lambda w: w.raw({"alg": "RS384", "kid": "rsa-1", "crit": ["exp"]}), Refusal.UNREADABLE),
    Row("b64 in the header", lambda w: w.raw({"alg": "RS384", "kid": "rsa-1", "b64": True}), Refusal.HEADER),
    Row("typ of an access token (at+jwt)", lambda w: w.rsa.token(w.claims(), typ="at+jwt"), Refusal.HEADER),
    claim("an issuer that is not configured", Refusal.UNKNOWN_ISSUER, iss="https://evil.example"),
    claim("the issuer with a slash at the end", Refusal.UNKNOWN_ISSUER, iss=ISSUER + "/"),
    claim("the issuer in capitals", Refusal.UNKNOWN_ISSUER, iss=ISSUER.upper()),
    claim("no issuer", Refusal.UNKNOWN_ISSUER, iss=None),
    claim("a tenant of nobody", Refusal.TENANT, iss=OF_TENANTS, tenant="z"),
    claim("no tenant where clients share an issuer", Refusal.TENANT, iss=OF_TENANTS),
    claim("aud the base address", Refusal.AUDIENCE, aud=BASE),
    claim("aud another service of ours", Refusal.AUDIENCE, aud=BASE + "/cds-services/lenalidomide-order-select"),
    claim("aud another host", Refusal.AUDIENCE, aud="https://cds.example.com/base" + SERVICE),
    Row("aud with a slash at the end", lambda w: w.signed(aud=w.address + "/"), Refusal.AUDIENCE),
    Row("aud with http", lambda w: w.signed(aud=w.address.replace("https", "http")), Refusal.AUDIENCE),
    Row("aud in capitals", lambda w: w.signed(aud=w.address.upper()), Refusal.AUDIENCE),
    Row("aud longer than the address", lambda w: w.signed(aud=w.address + "x"), Refusal.AUDIENCE),
    claim("aud an array without the address", Refusal.AUDIENCE, aud=["https://else.example.org"]),
    claim("no aud", Refusal.AUDIENCE, aud=None),
    claim("aud a number", Refusal.AUDIENCE, aud=7),
    Row(
        "aud the address as the Host header has it",
        lambda w: w.signed(aud="https://evil.example" + w.path),
        Refusal.AUDIENCE,
        {"Host": "evil.example"},
    ),
    Row(
        "aud the address as forwarded headers have it",
        lambda w: w.signed(aud="https://evil.example" + w.path),
        Refusal.AUDIENCE,
        {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "Forwarded": "host=evil.example;proto=https",
        },
    ),
    claim("the address called, where another aud is configured", Refusal.AUDIENCE, iss=OF_EPIC),
    claim("expired, beyond the leeway", Refusal.EXPIRED, iat=NOW - 300, exp=NOW - 30),
    claim("no exp", Refusal.TIMES, exp=None),
    claim("no iat", Refusal.TIMES, iat=None),
    claim("issued in the future, beyond the leeway", Refusal.NOT_YET_VALID, iat=NOW + 31),
    claim("nbf in the future, beyond the leeway", Refusal.NOT_YET_VALID, nbf=NOW + 31),
    claim("valid for 3601 s", Refusal.LIFETIME, exp=NOW + 3601),
    claim("expires before it was issued", Refusal.LIFETIME, iat=NOW + 20, exp=NOW + 10),
    Row("exp a text", number_as("exp", f'"{NOW + 300}"'), Refusal.TIMES),
    Row("exp true", number_as("exp", "true"), Refusal.TIMES),
    Row("exp 1e400", number_as("exp", "1e400"), Refusal.TIMES),
    Row("exp NaN", number_as("exp", "NaN"), Refusal.TIMES),
    Row("exp a number of 5000 digits", number_as("exp", "9" * 5000), Refusal.UNREADABLE),
    claim("no jti", Refusal.JTI, jti=None),
    claim("jti empty", Refusal.JTI, jti=""),
    claim("jti a control character", Refusal.JTI, jti="a\0b"),
    claim("jti of 256 characters", Refusal.JTI, jti="x" * 256),
    Row("no jku where it is needed", of_jku(None), Refusal.KEY_ADDRESS),
    Row("a jku beside the allow-list", of_jku("{host}/other"), Refusal.KEY_ADDRESS),
    Row("a jku that begins like the allowed one", of_jku("{host}/keysx"), Refusal.KEY_ADDRESS),
    Row("a jku that climbs out of the allowed one", of_jku("{host}/keys/../other"), Refusal.KEY_ADDRESS),
    Row("a jku with a query", of_jku("{host}/keys/a?x=1"), Refusal.KEY_ADDRESS),
    Row("a jku with a user name", of_jku("http://x@127.0.0.1/keys"), Refusal.KEY_ADDRESS),
    Row("a jku at a private address", of_jku("https://10.0.0.1/keys/a"), Refusal.KEY_ADDRESS),
    Row("a jku at a cloud's metadata address", of_jku("http://169.254.169.254/keys/a"), Refusal.KEY_ADDRESS),
    Row("a jku of another scheme", of_jku("file:///keys/a"), Refusal.KEY_ADDRESS),
]

ROWS = LET_IN + REFUSED
ENDPOINTS = {"discovery": "/cds-services", "service": SERVICE, "feedback": SERVICE + "/feedback"}


def _with(w: World, algorithm: str) -> str:
    return jwt.encode(w.claims(), w.rsa.private_key, algorithm=algorithm, headers={"kid": "rsa-1"})


@pytest.fixture(scope="module")
def ec_keys() -> tuple[Any, Any]:
    return ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP521R1())


def _jwk(key: Any, algorithm: str, kid: str) -> dict[str, Any]:
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": kid}


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory,
    rsa_signer: Any,
    ec_signer: Any,
    small_rsa_signer: Any,
    ec_keys: tuple[Any, Any],
    module_key_host: Any,
) -> Iterator[FlaskClient]:
    """The real application with six clients."""
    folder = tmp_path_factory.mktemp("matrix")
    module_key_host.publish(rsa_signer.jwk(), small_rsa_signer.jwk())
    jwks = _toml({"keys": [rsa_signer.jwk(), ec_signer.jwk()]})
    liberal = _toml(
        {"keys": [rsa_signer.jwk(), _jwk(ec_keys[0], "ES256", "ec-256"), _jwk(ec_keys[1], "ES512", "ec-521")]}
    )
    tables = [
        f'name = "written"\nissuer = "{ISSUER}"\njwks = {jwks}',
        f'name = "published"\nissuer = "{OF_URL}"\njwks_url = "{module_key_host.url}/jwks"',
        f'name = "named"\nissuer = "{OF_JKU}"\njku_allow = ["{module_key_host.url}/keys"]',
        f'name = "shared-1"\nissuer = "{OF_TENANTS}"\njwks = {jwks}\ntenants = ["a"]',
        f'name = "shared-2"\nissuer = "{OF_TENANTS}"\njwks = {jwks}\ntenants = ["b"]',
        f'name = "agreed"\nissuer = "{OF_EPIC}"\njwks = {jwks}\naudience = "as-agreed"',
        f'name = "liberal"\nissuer = "{LIBERAL}"\njwks = {liberal}\nalgorithms = {json.dumps(LIBERAL_ALGORITHMS)}',
    ]
    file = folder / "clients.toml"
    file.write_text("".join(f"[[client]]\n{table}\n" for table in tables))
    settings = Settings.load(
        {
            "LENCDS_BASE_URL": BASE,
            "LENCDS_CONFIG": str(file),
            "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'matrix.sqlite3'}",
            "LENCDS_SPOOL_DIR": str(folder / "spool"),
        }
    )
    app = create_app(settings, clock=lambda: datetime.fromtimestamp(NOW, UTC))
    yield app.test_client()
    app.extensions["lencds"].close()


def _toml(value: Any) -> str:
    return json.dumps(value).replace('":', '" =')


@pytest.fixture
def world(
    rsa_signer: Any,
    other_rsa_signer: Any,
    small_rsa_signer: Any,
    ec_signer: Any,
    ec_keys: tuple[Any, Any],
    module_key_host: Any,
) -> Callable[[str], World]:
    return lambda path: World(
        rsa_signer, other_rsa_signer, small_rsa_signer, ec_signer, *ec_keys, module_key_host, path
    )


ORDER = {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "amoxicillin 500 mg"}}


def send(web: FlaskClient, endpoint: str, headers: dict[str, str], query: str = "") -> TestResponse:
    path = ENDPOINTS[endpoint]
    if endpoint == "discovery":
        return web.get(path, headers=headers, query_string=query)
    body: dict[str, Any] = {"feedback": []}
    if endpoint == "service":
        drafts = {"resourceType": "Bundle", "entry": [{"resource": ORDER}]}
        context = {"userId": "Practitioner/1", "patientId": "p", "draftOrders": drafts}
        body = {"hook": "order-sign", "hookInstance": str(uuid.uuid4()), "context": context}
    return web.post(path, headers=headers, query_string=query, json=body)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    ("row", "endpoint"),
    [
        pytest.param(row, endpoint, id=f"{'let in' if row.because is None else 'refused'}: {row.says} ({endpoint})")
        for row, endpoint in itertools.product(ROWS, ENDPOINTS)
    ],
)
def test_token(web: FlaskClient, world: Any, row: Row, endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    token = row.token(world(ENDPOINTS[endpoint]))
    good = world(ENDPOINTS[endpoint]).signed()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    headers |= {name: value.replace("{token}", good) for name, value in row.headers.items()}
    fetched = len(world("").host.requests)
    response = send(web, endpoint, headers, headers.pop("X-Query", ""))
    if endpoint == "discovery" and "Authorization" not in headers:  # without a token, discovery is for everybody
        assert response.status_code == 200
        return
    logged = capsys.readouterr().err
    if row.because is None:
        assert response.status_code == 200, logged
        assert "call refused" not in logged
        return
    assert response.status_code == 401
    assert response.json == {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "login"}]}
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert [json.loads(line)["reason"] for line in logged.splitlines() if "call refused" in line] == [row.because.value]
    assert (token or good) not in logged
    if row.because is not Refusal.UNUSABLE_KEY:
        assert len(world("").host.requests) == fetched


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_token_is_good_for_one_call(
    web: FlaskClient, world: Any, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = {"Authorization": "Bearer " + world(ENDPOINTS[endpoint]).signed()}
    assert send(web, endpoint, headers).status_code == 200
    assert send(web, endpoint, headers).status_code == 401
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["reason"] == Refusal.REPLAYED.value


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_preflight_needs_no_token(web: FlaskClient, endpoint: str) -> None:
    preflight = {"Origin": "https://ehr.example.org", "Access-Control-Request-Method": "POST"}
    assert web.options(ENDPOINTS[endpoint], headers=preflight).status_code == 200


def test_every_reason_to_refuse_has_a_row() -> None:
    elsewhere = {
        Refusal.REPLAYED,  # above: it takes two calls
        Refusal.KEYS_UNAVAILABLE,  # test_authenticator.py: it takes a host that is down
    }
    assert {row.because for row in REFUSED} == set(Refusal) - elsewhere


def page() -> str:
    lines = [
        "# The matrix of tokens",
        "",
        "What a call with each kind of token is answered, at discovery, service and feedback alike. Discovery without",
        "an Authorization header is for everybody. Each line is a test of `tests/service/auth/test_jwt_matrix.py`,",
        "over HTTP. A client may use RS384 and ES384; other asymmetric algorithms only where its configuration names",
        "them; `none` and HS… never. The caller is told 401 and nothing else; the log has the reason.",
        "",
        "| token | answer | reason in the log |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row.says} | {'let in' if row.because is None else '401'} | {row.because.value if row.because else ''} |"
        for row in ROWS
    ]
    lines += [f"| sent a second time, to whichever worker or instance | 401 | {Refusal.REPLAYED.value} |"]
    lines += [f"| its issuer's key host is down and no keys are at hand | 401 | {Refusal.KEYS_UNAVAILABLE.value} |"]
    return "\n".join(lines) + "\n"


def test_the_page_shows_the_matrix() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
