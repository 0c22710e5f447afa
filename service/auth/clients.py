"""The clients (EHRs) that may call: how their tokens are verified and which profile applies to them.

They are read from the `[[client]]` tables of the file `LENCDS_CONFIG`. A key this module does not know is refused: a
misspelt `tenants` would otherwise let everybody in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from service.addresses import Address, AddressError, is_within
from service.auth.keys import ALGORITHMS, KeySet, UnusableKeyError
from service.fhir.signing_key import SigningKeyError, read_signing_key

LOCAL = "local"
"""Name of the client that every caller is when authentication is off."""

Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class MappedCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A code as one EHR has it in its own tables."""

    code: Text
    system: str = ""


class BackendServices(Struct, frozen=True, forbid_unknown_fields=True):
    """SMART Backend Services: how to get a FHIR access token of our own when the request brings none.

    Attributes:
        client_id: under which the EHR knows this service.
        token_url: its token endpoint; no other address is asked for a token.
        key_file: our private key, RSA (signs RS384) or P-384 (ES384), as PEM or JSON Web Key.
        kid: id of that key; not needed when the JSON Web Key has it.
        scope: what is asked for.
    """

    client_id: Text
    token_url: Address
    key_file: Path
    kid: str = ""
    scope: Text = "system/*.rs"


class Client(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An EHR installation that may call.

    Attributes:
        name: how logs, metrics and audit rows call it.
        profile: what its screens can show.
        issuer: `iss` of its tokens; empty only for the client `local`.
        audience: values of `aud` it may send instead of the address called.
        algorithms: signature algorithms it may use.
        jwks: its public keys, written into the configuration.
        jwks_url: where its public keys are published.
        jku_allow: addresses at or below which the `jku` of a token must lie.
        tenants: values of `tenant` that belong to this client; none means the claim is not looked at.
        leeway_s: tolerated difference of clocks.
        max_lifetime_s: longest tolerated `exp` minus `iat`.
        fhir_servers: addresses at or below which its `fhirServer` must lie.
        fhir_version: of what it sends and serves.
        batch: whether its FHIR server answers batch Bundles.
        search_method: how searches are sent; POST keeps patient ids out of URLs.
        backend_services: how to get an access token when the request brings none.
        ca_file: certificate authority of its servers; None means the usual ones.
        prefetch_aliases: our prefetch key → the key it uses.
        override_code_map: our override reason → its code.
        action_code_map: our order → its code.
        disabled_topics: topics that are never shown to it.
        silent: evaluate and record, but return no cards.
        loopback_fhir_servers: whether every FHIR server on this machine is allowed. Not a key of the file.
    """

    name: Name
    profile: Literal["generic", "epic", "sandbox"] = "generic"
    issuer: str = ""
    audience: tuple[Text, ...] = ()
    algorithms: tuple[Text, ...] = ("RS384", "ES384")
    jwks: dict[str, Any] | None = None
    jwks_url: Address | None = None
    jku_allow: tuple[Address, ...] = ()
    tenants: tuple[Text, ...] = ()
    leeway_s: Annotated[int, Meta(ge=0, le=300)] = 30
    max_lifetime_s: Annotated[int, Meta(ge=60, le=86_400)] = 3600
    fhir_servers: tuple[Address, ...] = ()
    fhir_version: Literal["R4", "R4B", "R5", "STU3", "DSTU2"] = "R4"
    batch: bool = False
    search_method: Literal["GET", "POST"] = "GET"
    backend_services: BackendServices | None = None
    ca_file: Path | None = None
    prefetch_aliases: dict[str, Text] = {}
    override_code_map: dict[str, MappedCode] = {}
    action_code_map: dict[str, MappedCode] = {}
    disabled_topics: tuple[Text, ...] = ()
    silent: bool = False
    loopback_fhir_servers: bool = False

    def fhir_server(self, url: str) -> Address | None:
        """Return the address of a FHIR server this client named, None when it is not one of its own."""
        try:
            address = Address.parse(url)
        except AddressError:
            return None
        if self.loopback_fhir_servers and address.is_loopback:
            return address
        return address if any(is_within(address, allowed) for allowed in self.fhir_servers) else None


def local_client(configured: Iterable[Client], sandbox: Address | None) -> Client:
    """Return the client that every caller is when authentication is off.

    Args:
        configured: the clients of the file; one named `local` widens what the built-in one may do.
        sandbox: FHIR server of the demo; with it, other FHIR servers on this machine are not allowed.
    """
    client = next((client for client in configured if client.name == LOCAL), Client(name=LOCAL))
    if sandbox is None:
        return msgspec.structs.replace(client, loopback_fhir_servers=True)
    return msgspec.structs.replace(client, fhir_servers=(*client.fhir_servers, sandbox))


_KEYS = tuple(key for key in Client.__struct_fields__ if key != "loopback_fhir_servers")
_ADDRESS_KEYS = ("jwks_url", "jku_allow", "fhir_servers", "token_url")
_LIST_OR_ONE = ("audience",)
_CODE_MAPS = ("override_code_map", "action_code_map")
_KEY_SOURCES = ("jwks", "jwks_url", "jku_allow")
_WRITE_ALGORITHMS = 'write algorithms = ["RS384", "ES384"]'


def read_clients(tables: Sequence[Any]) -> tuple[tuple[Client, ...], list[str]]:
    """Read the `[[client]]` tables.

    Args:
        tables: as TOML has them.

    Returns:
        the clients that can be read, and what is wrong with the tables, one sentence each.
    """
    clients: list[Client] = []
    problems: list[str] = []
    for number, table in enumerate(tables):
        label = f"client {table['name']!r}" if isinstance(table, dict) and "name" in table else f"client #{number + 1}"
        try:
            client = _read_client(table)
        except ValueError as error:
            problems.append(f"{label}: {error}")
            continue
        problems += [f"{label}: {problem}" for problem in _problems_of(client)]
        clients.append(client)
    return tuple(clients), problems + _problems_between(clients)


def _read_client(table: Any) -> Client:
    if not isinstance(table, dict):
        raise ValueError("must be a table: [[client]]")
    for key in table:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            raise ValueError(f"unknown key '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    normal = {key: _with_addresses(key, value) for key, value in table.items()}
    for key in _LIST_OR_ONE:
        if isinstance(normal.get(key), str):
            normal[key] = [normal[key]]
    for key in _CODE_MAPS:
        if isinstance(codes := normal.get(key), dict):
            normal[key] = {ours: {"code": to} if isinstance(to, str) else to for ours, to in codes.items()}
    if normal.get("ca_file") == "":
        del normal["ca_file"]
    try:
        return msgspec.convert(normal, Client, dec_hook=_path)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        raise ValueError(f"{place.rstrip('`') or 'table'}: {problem}") from None


def _with_addresses(key: str, value: Any) -> Any:
    """Return a value of the file with the addresses in it parsed."""
    if isinstance(value, list):
        return [_with_addresses(key, item) for item in value]
    if key in _ADDRESS_KEYS:
        if not isinstance(value, str):
            raise ValueError(f'{key} must be a text such as "https://ehr.example.org/fhir"')
        try:
            return Address.parse(value)
        except AddressError as error:
            raise ValueError(f"{key} {error}") from None
    if key == "backend_services" and isinstance(value, dict):
        return {name: _with_addresses(name, item) for name, item in value.items()}
    return value


def _path(_target: type, value: Any) -> Path:
    """Turn the text of the file into a Path, for `msgspec.convert`; it knows all other types."""
    if not isinstance(value, str) or not value:
        raise ValueError("Expected the name of a file")
    return Path(value)


def _problems_of(client: Client) -> list[str]:
    problems = []
    for algorithm in client.algorithms:
        if algorithm.lower() == "none" or algorithm.upper().startswith("HS"):
            problems.append(f"algorithm {algorithm} is never accepted; " + _WRITE_ALGORITHMS)
        elif algorithm not in ALGORITHMS:
            problems.append(f"algorithm {algorithm} is unknown; known are {', '.join(ALGORITHMS)}")
    if not client.algorithms:
        problems.append("algorithms is empty; leave it out or " + _WRITE_ALGORITHMS)
    if client.name != LOCAL or client.issuer:
        if not client.issuer:
            problems.append('has no issuer; write issuer = "https://…", exactly as its tokens say in iss')
        sources = [key for key in _KEY_SOURCES if getattr(client, key)]
        if len(sources) != 1:
            named = "has " + " and ".join(sources) if sources else "has no public keys"
            problems.append(f"{named}; write exactly one of jwks_url, jku_allow, jwks")
    if any(address.query for address in (*client.fhir_servers, *client.jku_allow)):
        problems.append("fhir_servers and jku_allow take addresses without a query")
    if client.jwks is not None:
        problems += _problems_of_keys(client.jwks)
    if client.ca_file is not None and not client.ca_file.is_file():
        problems.append(f"ca_file {client.ca_file} does not exist")
    if client.backend_services is not None:
        try:
            read_signing_key(client.backend_services.key_file, client.backend_services.kid)
        except SigningKeyError as error:
            problems.append(f"backend_services.key_file {client.backend_services.key_file} {error}")
    return problems


def _problems_of_keys(jwks: Mapping[str, Any]) -> list[str]:
    try:
        keys = KeySet.read(jwks)
    except UnusableKeyError as error:
        return [f"jwks {error}"]
    return [f"jwks: key '{kid}' {reason}" for kid, reason in keys.unusable.items()]


def _problems_between(clients: Sequence[Client]) -> list[str]:
    problems = []
    for one, other in combinations(clients, 2):
        if one.name == other.name:
            problems.append(f"two clients are named '{one.name}'")
        if one.issuer and one.issuer == other.issuer:
            shared = set(one.tenants) & set(other.tenants)
            if not one.tenants or not other.tenants or shared:
                problems.append(
                    f"clients '{one.name}' and '{other.name}' share an issuer; give each its own tenants, none of them"
                    " twice"
                )
    return problems
