"""The matrix of tokens: which are let in, and why the others are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.wrappers import Response

from service.auth.authenticator import Authenticator
from service.auth.caller import Caller, Refusal, Unauthenticated

PATH = "/cds-services/lenalidomide-order-sign"
ADDRESS = f"https://cds.example.org/base{PATH}"
OTHER_ISSUER = "https://mercy.example.org/fhir"


@pytest.fixture
def authenticator(authenticator_for: Any, make_client: Any, rsa_signer: Any, ec_signer: Any) -> Authenticator:
    return authenticator_for(make_client(jwks={"keys": [rsa_signer.jwk(), ec_signer.jwk()]}))


def call(authenticator: Authenticator, token: str, path: str = PATH) -> Caller:
    return authenticator.authenticate(f"Bearer {token}", path)


def refusal_of(action: Callable[[], Any]) -> Refusal:
    with pytest.raises(Unauthenticated) as error:
        action()
    return error.value.reason


def encode(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_rs384_and_es384_are_let_in(authenticator: Authenticator, claims: Any, rsa_signer: Any, ec_signer: Any) -> None:
    for signer in (rsa_signer, ec_signer):
        assert call(authenticator, signer.token(claims(PATH))).client.name == "st-elsewhere"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "eyJhbGciOi"])
def test_no_token(authenticator: Authenticator, header: str | None) -> None:
    assert refusal_of(lambda: authenticator.authenticate(header, PATH)) is Refusal.MISSING


def test_the_scheme_is_not_case_sensitive(authenticator: Authenticator, claims: Any, rsa_signer: Any) -> None:
    authenticator.authenticate("bearer  " + rsa_signer.token(claims(PATH)), PATH)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b",
        "a.b.c",
        "..",
        encode([]) + "." + encode({}) + ".",
        encode({"alg": "RS384"}) + "." + encode([]) + ".",
        encode({"alg": "RS384"}) + "." + encode(b'{"a":' * 100_000) + ".",
        encode({"alg": "RS384"}) + "." + encode(b"[" * 6_000) + ".",
        encode({"alg": "RS384"}) + "." + encode(b"\xff\xfe") + ".",
        encode({"alg": "RS384", "kid": 7}) + "." + encode({}) + ".",
    ],
)
def test_unreadable_tokens(authenticator: Authenticator, token: str) -> None:
    assert refusal_of(lambda: call(authenticator, token)) in (Refusal.UNREADABLE, Refusal.UNKNOWN_ISSUER)


def test_alg_none_is_refused(authenticator: Authenticator, claims: Any) -> None:
    for alg in ("none", "None", "NONE", "", None):
        token = encode({"alg": alg, "kid": "rsa-1", "typ": "JWT"}) + "." + encode(claims(PATH)) + "."
        assert refusal_of(lambda token=token: call(authenticator, token)) in (Refusal.ALGORITHM, Refusal.UNREADABLE)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_public_key_as_shared_secret_is_refused(
    authenticator: Authenticator, claims: Any, rsa_signer: Any, algorithm: str
) -> None:
    signed = encode({"alg": algorithm, "kid": "rsa-1", "typ": "JWT"}) + "." + encode(claims(PATH))
    digest = getattr(hashlib, f"sha{algorithm[2:]}")
    for secret in (rsa_signer.public_pem(), rsa_signer.public_pem().strip(), json.dumps(rsa_signer.jwk()).encode()):
        token = signed + "." + encode(hmac.new(secret, signed.encode(), digest).digest())
        assert refusal_of(lambda token=token: call(authenticator, token)) is Refusal.ALGORITHM


def test_an_algorithm_the_client_did_not_configure_is_refused(
    authenticator: Authenticator, claims: Any, rsa_signer: Any
) -> None:
    token = type(rsa_signer)(rsa_signer.private_key, "RS256", rsa_signer.kid).token(claims(PATH))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.ALGORITHM


def test_the_key_must_fit_the_algorithm(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any, ec_signer: Any
) -> None:
    only_ec = authenticator_for(make_client(jwks={"keys": [ec_signer.jwk(kid="rsa-1")]}))
    assert refusal_of(lambda: call(only_ec, rsa_signer.token(claims(PATH)))) is Refusal.UNUSABLE_KEY


def test_the_algorithm_a_key_states_binds(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any
) -> None:
    bound = authenticator_for(make_client(jwks={"keys": [rsa_signer.jwk(alg="RS512")]}))
    assert refusal_of(lambda: call(bound, rsa_signer.token(claims(PATH)))) is Refusal.UNUSABLE_KEY


@pytest.mark.parametrize(
    "audience",
    [
        "https://cds.example.org/base/cds-services",
        "https://cds.example.org/base",
        ADDRESS + "/",
        ADDRESS + "/feedback",
        ADDRESS.replace("https", "http"),
        ADDRESS.upper(),
        "*",
        "",
        ["https://else.example.org"],
        [],
        [[ADDRESS]],
        {"a": ADDRESS},
        7,
        None,
    ],
)
def test_wrong_audience(authenticator: Authenticator, claims: Any, rsa_signer: Any, audience: Any) -> None:
    token = rsa_signer.token(claims(PATH, aud=audience))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.AUDIENCE


@pytest.mark.parametrize("audience", [ADDRESS, [ADDRESS], ["https://else.example.org", ADDRESS]])
def test_right_audience(authenticator: Authenticator, claims: Any, rsa_signer: Any, audience: Any) -> None:
    call(authenticator, rsa_signer.token(claims(PATH, aud=audience)))


def test_a_configured_audience_replaces_the_address_called(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any
) -> None:
    authenticator = authenticator_for(make_client(audience="as-typed", jwks={"keys": [rsa_signer.jwk()]}))
    call(authenticator, rsa_signer.token(claims(PATH, aud="as-typed")))
    token = rsa_signer.token(claims(PATH))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.AUDIENCE


@pytest.mark.parametrize(
    ("age_s", "reason"), [(0, None), (329, None), (330, Refusal.EXPIRED), (10_000, Refusal.EXPIRED)]
)
def test_expiry_with_leeway(
    authenticator: Authenticator, claims: Any, rsa_signer: Any, clock: Any, age_s: int, reason: Refusal | None
) -> None:
    token = rsa_signer.token(claims(PATH))
    clock.advance(seconds=age_s)
    if reason is None:
        call(authenticator, token)
    else:
        assert refusal_of(lambda: call(authenticator, token)) is reason


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_tokens_of_the_future(
    authenticator: Authenticator, claims: Any, rsa_signer: Any, clock: Any, claim: str
) -> None:
    start = int(clock.now.timestamp())
    call(authenticator, rsa_signer.token(claims(PATH, **{claim: start + 30})))
    token = rsa_signer.token(claims(PATH, **{claim: start + 31}))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.NOT_YET_VALID


def test_epic_sets_nbf_before_iat(authenticator: Authenticator, claims: Any, rsa_signer: Any, clock: Any) -> None:
    call(authenticator, rsa_signer.token(claims(PATH, nbf=int(clock.now.timestamp()) - 300, sub="client-id")))


@pytest.mark.parametrize(
    ("lifetime_s", "reason"), [(3600, None), (3601, Refusal.LIFETIME), (0, Refusal.LIFETIME), (-10, Refusal.LIFETIME)]
)
def test_lifetime(
    authenticator: Authenticator, claims: Any, rsa_signer: Any, clock: Any, lifetime_s: int, reason: Refusal | None
) -> None:
    issued = int(clock.now.timestamp())
    token = rsa_signer.token(claims(PATH, exp=issued + lifetime_s))
    if reason is None:
        call(authenticator, token)
    else:
        assert refusal_of(lambda: call(authenticator, token)) is reason


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["1772366400", True, [], 1e300, -1, 0, 10**400])
def test_mistyped_times(authenticator: Authenticator, claims: Any, rsa_signer: Any, claim: str, value: Any) -> None:
    body = json.dumps(claims(PATH)).encode()
    body = body[:-1] + f', "{claim}": {json.dumps(value)}}}'.encode()  # the last of two members counts
    signed = encode({"alg": "RS384", "kid": "rsa-1"}) + "." + encode(body)
    assert refusal_of(lambda: call(authenticator, f"{signed}.{encode(b'x')}")) is Refusal.TIMES


@pytest.mark.parametrize("claim", ["exp", "iat"])
def test_missing_times(authenticator: Authenticator, claims: Any, rsa_signer: Any, claim: str) -> None:
    token = rsa_signer.token(claims(PATH, **{claim: None}))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.TIMES


@pytest.mark.parametrize("token_id", [None, "", "a\0b", "a\nb", "\ud800", "x" * 256])
def test_unusable_jti(authenticator: Authenticator, claims: Any, rsa_signer: Any, token_id: str | None) -> None:
    token = rsa_signer.token(claims(PATH, jti=token_id))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.JTI


def test_a_token_works_once(authenticator: Authenticator, claims: Any, rsa_signer: Any) -> None:
    token = rsa_signer.token(claims(PATH))
    call(authenticator, token)
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.REPLAYED


def test_a_refused_token_does_not_use_up_its_jti(
    authenticator: Authenticator, claims: Any, rsa_signer: Any, other_rsa_signer: Any
) -> None:
    good = claims(PATH)
    forged = other_rsa_signer.token(good, kid="rsa-1")
    assert refusal_of(lambda: call(authenticator, forged)) is Refusal.SIGNATURE
    call(authenticator, rsa_signer.token(good))


def test_the_same_jti_of_another_issuer_is_another_token(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any
) -> None:
    jwks = {"keys": [rsa_signer.jwk()]}
    authenticator = authenticator_for(make_client(jwks=jwks), make_client(name="mercy", issuer=OTHER_ISSUER, jwks=jwks))
    call(authenticator, rsa_signer.token(claims(PATH, jti="same")))
    token = rsa_signer.token(claims(PATH, jti="same", iss=OTHER_ISSUER))
    assert call(authenticator, token).client.name == "mercy"


@pytest.mark.parametrize("issuer", [None, "", 7, "https://evil.example", "https://ehr.example.org/fhir/"])
def test_unknown_issuer(authenticator: Authenticator, claims: Any, rsa_signer: Any, issuer: Any) -> None:
    good = {**claims(PATH), "iss": issuer}
    signed = encode({"alg": "RS384", "kid": "rsa-1"}) + "." + encode(good)
    assert refusal_of(lambda: call(authenticator, f"{signed}.{encode(b'x')}")) is Refusal.UNKNOWN_ISSUER


def test_tampered_claims(authenticator: Authenticator, claims: Any, rsa_signer: Any) -> None:
    header, _, signature = rsa_signer.token(claims(PATH)).split(".")
    changed = f"{header}.{encode(claims(PATH))}.{signature}"
    assert refusal_of(lambda: call(authenticator, changed)) is Refusal.SIGNATURE


@pytest.mark.parametrize(
    "header", [{"typ": "at+jwt"}, {"typ": 7}, {"crit": ["exp"]}, {"crit": ["b64"], "b64": True}, {"kid": None}]
)
def test_headers_that_are_not_understood(
    authenticator: Authenticator, claims: Any, rsa_signer: Any, header: dict[str, Any]
) -> None:
    parts = {"alg": "RS384", "kid": "rsa-1", "typ": "JWT", **header}
    signed = encode({k: v for k, v in parts.items() if v is not None}) + "." + encode(claims(PATH))
    reason = refusal_of(lambda: call(authenticator, f"{signed}.{encode(b'x')}"))
    assert reason in (Refusal.HEADER, Refusal.UNREADABLE)


def test_missing_typ_is_tolerated(authenticator: Authenticator, claims: Any, rsa_signer: Any) -> None:
    call(authenticator, rsa_signer.token(claims(PATH), typ=None))


def test_unknown_kid_of_written_keys(authenticator: Authenticator, claims: Any, rsa_signer: Any) -> None:
    token = rsa_signer.token(claims(PATH), kid="never-seen")
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.UNKNOWN_KEY


def test_tenants_choose_the_client(authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any) -> None:
    jwks = {"keys": [rsa_signer.jwk()]}
    authenticator = authenticator_for(
        make_client(tenants=["a", "b"], jwks=jwks), make_client(name="mercy", tenants=["c"], jwks=jwks)
    )
    assert call(authenticator, rsa_signer.token(claims(PATH, tenant="b"))).client.name == "st-elsewhere"
    caller = call(authenticator, rsa_signer.token(claims(PATH, tenant="c")))
    assert (caller.client.name, caller.tenant) == ("mercy", "c")
    for tenant in ("d", "", None, ["a"]):
        token = rsa_signer.token(claims(PATH, tenant=tenant))
        assert refusal_of(lambda token=token: call(authenticator, token)) is Refusal.TENANT


def test_published_keys_and_their_rotation(
    authenticator_for: Any,
    make_client: Any,
    claims: Any,
    rsa_signer: Any,
    other_rsa_signer: Any,
    key_host: Any,
    monotonic: Any,
) -> None:
    key_host.publish(rsa_signer.jwk())
    authenticator = authenticator_for(make_client(jwks_url=key_host.url + "/jwks"), monotonic=monotonic)
    call(authenticator, rsa_signer.token(claims(PATH)))
    call(authenticator, rsa_signer.token(claims(PATH)))
    assert len(key_host.requests) == 1
    key_host.publish(rsa_signer.jwk(), other_rsa_signer.jwk())
    monotonic.now += 61
    call(authenticator, other_rsa_signer.token(claims(PATH)))
    assert len(key_host.requests) == 2


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_small_rsa_keys_are_not_used(
    authenticator_for: Any, make_client: Any, claims: Any, small_rsa_signer: Any, key_host: Any
) -> None:
    key_host.publish(small_rsa_signer.jwk())
    authenticator = authenticator_for(make_client(jwks_url=key_host.url + "/jwks"))
    token = small_rsa_signer.token(claims(PATH))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.UNUSABLE_KEY


def test_unavailable_keys(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any, key_host: Any
) -> None:
    key_host.answer = lambda _request: Response("no", 500)
    authenticator = authenticator_for(make_client(jwks_url=key_host.url + "/jwks"))
    token = rsa_signer.token(claims(PATH))
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.KEYS_UNAVAILABLE


def test_jku_within_the_allowed_address(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any, key_host: Any
) -> None:
    key_host.publish(rsa_signer.jwk())
    authenticator = authenticator_for(make_client(jku_allow=[key_host.url + "/keys"]))
    call(authenticator, rsa_signer.token(claims(PATH), jku=key_host.url + "/keys/530027"))
    assert [request.path for request in key_host.requests] == ["/keys/530027"]


@pytest.mark.parametrize(
    "jku", [None, 7, "", "{host}/other", "{host}/keysx", "{host}/keys/../other", "{host}/keys?x=1", "nonsense"]
)
def test_no_other_jku_is_ever_fetched(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any, key_host: Any, jku: Any
) -> None:
    key_host.publish(rsa_signer.jwk())
    authenticator = authenticator_for(make_client(jku_allow=[key_host.url + "/keys"]))
    jku = jku.replace("{host}", key_host.url) if isinstance(jku, str) else jku
    token = rsa_signer.token(claims(PATH), jku=jku)
    assert refusal_of(lambda: call(authenticator, token)) is Refusal.KEY_ADDRESS
    assert key_host.requests == []


def test_jku_is_ignored_where_keys_are_configured(
    authenticator: Authenticator, claims: Any, rsa_signer: Any, key_host: Any
) -> None:
    call(authenticator, rsa_signer.token(claims(PATH), jku=key_host.url + "/keys"))
    assert key_host.requests == []


def test_hopeless_tokens_fetch_no_keys(
    authenticator_for: Any, make_client: Any, claims: Any, rsa_signer: Any, key_host: Any
) -> None:
    authenticator = authenticator_for(make_client(jwks_url=key_host.url + "/jwks"))
    for changes in ({"aud": "x"}, {"exp": 1}, {"jti": None}, {"iss": "https://evil.example"}):
        token = rsa_signer.token(claims(PATH, **changes))
        refusal_of(lambda token=token: call(authenticator, token))
    assert key_host.requests == []


def test_the_refusal_carries_the_issuer_for_the_log(authenticator: Authenticator, claims: Any, rsa_signer: Any) -> None:
    with pytest.raises(Unauthenticated) as error:
        call(authenticator, rsa_signer.token(claims(PATH, iss="https://evil.example")))
    assert error.value.issuer == "https://evil.example"


def test_if_asked(authenticator: Authenticator, claims: Any, rsa_signer: Any) -> None:
    assert authenticator.authenticate_if_asked(None, "/cds-services") is None
    token = rsa_signer.token(claims())
    caller = authenticator.authenticate_if_asked(f"Bearer {token}", "/cds-services")
    assert caller is not None
    assert refusal_of(lambda: authenticator.authenticate_if_asked("Bearer x", "/cds-services")) is Refusal.UNREADABLE
