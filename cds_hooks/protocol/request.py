"""Reading a CDS Hooks service request: the envelope first, the prefetch only when it matters.

Most calls concern other drugs. Their prefetch, usually nine tenths of the body, is left as undecoded bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources as packaged
from typing import Annotated, Any, TypeAlias, cast

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from cds_hooks.chart.fhir import Resource, as_mapping, as_text, reference_id
from cds_hooks.protocol.limits import (
    DEEPEST,
    MOST_DRAFTS,
    MOST_RESOURCES,
    has_too_many_resources,
    is_json_too_deep,
    is_too_deep,
)

_BOM = b"\xef\xbb\xbf"
_NO_OBJECT = "is not a JSON object in UTF-8"
_TOO_DEEP = f"is nested deeper than {DEEPEST} levels"


class RequestError(Exception):
    """The request cannot be answered; HTTP 400.

    `path` is a JSON path made of member names of the protocol, `problem` a phrase without any value of the request.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A CDS Hooks request whose envelope is valid.

    Attributes:
        hook: name of the hook.
        hook_instance: id of this firing, as sent.
        patient_id: logical id of the Patient, without `Patient/`.
        user_id: `Practitioner/…` as sent, "" when missing (tolerated).
        drafts: resources of `context.draftOrders`, in order, of whatever type.
        selections: `Type/id` of the selected drafts (order-select); None for hooks without selections.
        fhir_server: base URL as sent, None when missing.
        access_token: bearer token for the FHIR server; lives as long as this object.
        raw_prefetch: the prefetch as JSON bytes, not decoded; empty when there is none.
    """

    hook: str
    hook_instance: str
    patient_id: str
    user_id: str
    drafts: tuple[Resource, ...] = field(repr=False)
    selections: frozenset[str] | None = field(repr=False)
    fhir_server: str | None = field(repr=False)
    access_token: str | None = field(repr=False)
    raw_prefetch: bytes = field(repr=False)

    def check_depth(self) -> None:
        """Refuse drafts that are nested too deep to be judged and given back in suggestions.

        It is left to the caller, since it would cost every call about other drugs more than all the rest here.

        Raises:
            RequestError: nested too deep.
        """
        if is_too_deep(self.drafts):
            raise RequestError("$.context.draftOrders.entry", _TOO_DEEP)

    def prefetch(self) -> dict[str, Any] | None:
        """Decode the prefetch.

        Returns:
            key → value as sent; None when the request has no prefetch or it is null.

        Raises:
            RequestError: not an object, not JSON, nested too deep, or too many resources.
        """
        if not self.raw_prefetch:
            return None
        value = _decode(self.raw_prefetch, "$.prefetch")
        if value is not None and not isinstance(value, dict):
            raise RequestError("$.prefetch", "must be an object or null")
        if is_json_too_deep(self.raw_prefetch):
            raise RequestError("$.prefetch", _TOO_DEEP)
        if value and has_too_many_resources(value):
            raise RequestError("$.prefetch", f"holds more than {MOST_RESOURCES} resources")
        return value


Word: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
Absent: TypeAlias = msgspec.UnsetType


class _Orders(msgspec.Struct):
    entry: list[Any] = []


class _Authorization(msgspec.Struct):
    access_token: Word


class _Context(msgspec.Struct):
    patientId: Annotated[str, msgspec.Meta(pattern=r"^(Patient/)?[^/\s]+$")]  # noqa: N815  as CDS Hooks spells it
    draftOrders: _Orders  # noqa: N815
    userId: str = ""  # noqa: N815
    encounterId: str | None = None  # noqa: N815
    selections: list[str] | Absent = msgspec.UNSET


class _Envelope(msgspec.Struct):
    """The same demands as those of `schemas/request.json`. What is refused here, the schema looks at again."""

    hook: Word
    hookInstance: Word  # noqa: N815
    context: _Context
    fhirServer: Word | None = None  # noqa: N815
    fhirAuthorization: _Authorization | None = None  # noqa: N815
    prefetch: msgspec.Raw = msgspec.Raw(b"")


class _LooseEnvelope(msgspec.Struct):
    hook: Any = msgspec.UNSET
    hookInstance: Any = msgspec.UNSET  # noqa: N815
    context: Any = msgspec.UNSET
    fhirServer: Any = msgspec.UNSET  # noqa: N815
    fhirAuthorization: Any = msgspec.UNSET  # noqa: N815


_envelope_decoder = msgspec.json.Decoder(_Envelope)
_loose_decoder = msgspec.json.Decoder(_LooseEnvelope)
_any_decoder = msgspec.json.Decoder()


def _load_validator() -> Draft202012Validator:
    text = packaged.files("cds_hooks.protocol").joinpath("schemas/request.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


_validator = _load_validator()


def _decode(data: bytes, path: str) -> Any:
    try:
        return _any_decoder.decode(data)
    except RecursionError:
        raise RequestError(path, _TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(path, "is not valid JSON") from error


def parse_request(body: bytes) -> HookRequest:
    """Read the envelope of a hook call.

    Args:
        body: request body, UTF-8 JSON; a byte order mark is stripped.

    Raises:
        RequestError: not UTF-8, not JSON, nested too deep, or a required member is missing or mistyped.
    """
    body = body.removeprefix(_BOM)
    try:
        if not body.isascii():
            body.decode("utf-8")
        envelope = _envelope_decoder.decode(body)
    except msgspec.ValidationError:
        raise _fault(body) from None
    except RecursionError:
        raise RequestError("$", _TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError("$", _NO_OBJECT) from error
    context, authorization = envelope.context, envelope.fhirAuthorization
    selections = None if isinstance(context.selections, Absent) else frozenset(context.selections)
    if (authorization and envelope.fhirServer is None) or (envelope.hook == "order-select" and selections is None):
        raise _fault(body)
    if len(context.draftOrders.entry) > MOST_DRAFTS:
        raise RequestError("$.context.draftOrders.entry", f"has more than {MOST_DRAFTS} entries")
    return HookRequest(
        hook=envelope.hook,
        hook_instance=envelope.hookInstance,
        patient_id=reference_id(context.patientId),
        user_id=as_text(context.userId),
        drafts=_resources(context.draftOrders.entry),
        selections=selections,
        fhir_server=envelope.fhirServer,
        access_token=authorization.access_token if authorization else None,
        raw_prefetch=bytes(envelope.prefetch),
    )


def _fault(body: bytes) -> RequestError:
    """Name what is wrong with an envelope, by the schema."""
    try:
        envelope = _loose_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return RequestError("$", _NO_OBJECT)
    members: dict[str, Any] = {
        name: value
        for name in envelope.__struct_fields__
        if (value := getattr(envelope, name)) is not msgspec.UNSET
        and not (value is None and name in ("fhirServer", "fhirAuthorization"))
    }
    fault = best_match(_validator.iter_errors(members))
    return RequestError("$", "is not as the protocol demands") if fault is None else _refusal(fault)


def _refusal(fault: ValidationError) -> RequestError:
    """Name the member at fault: of a missing one the path at which it should stand."""
    if fault.validator == "required":
        present = as_mapping(fault.instance)
        missing = next(name for name in cast("list[str]", fault.validator_value) if name not in present)
        return RequestError(f"{fault.json_path}.{missing}", "is missing")
    return RequestError(fault.json_path, _PROBLEMS.get(str(fault.validator), "is not as the protocol demands"))


_PROBLEMS = {
    "dependentRequired": "fhirAuthorization needs fhirServer",
    "type": "has the wrong JSON type",
    "minLength": "is empty",
    "pattern": "is not a Patient id",
}


def _resources(entries: Iterable[Any]) -> tuple[Resource, ...]:
    found = ((as_mapping(entry), as_mapping(entry).get("resource")) for entry in entries)
    return tuple(
        {**resource, "id": reference_id(entry["fullUrl"])} if _is_named_by_url(entry, resource) else resource
        for entry, resource in found
        if isinstance(resource, Mapping)
    )


def _is_named_by_url(entry: Mapping[str, Any], resource: Resource) -> bool:
    """Whether an entry is a Medication that only the address of the entry names, such as `urn:uuid:…`."""
    return "fullUrl" in entry and "id" not in resource and resource.get("resourceType") == "Medication"
