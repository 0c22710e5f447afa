"""Reading a CDS Hooks service request: the envelope first, the prefetch only when it matters.

Most calls concern other drugs. Their prefetch, usually nine tenths of the body, is left as undecoded bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, cast

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from cds_hooks.chart.fhir import Resource, as_list, as_mapping, as_text, reference_id

_BOM = b"\xef\xbb\xbf"


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

    def prefetch(self) -> dict[str, Any] | None:
        """Decode the prefetch.

        Returns:
            key → value as sent; None when the request has no prefetch or it is null.

        Raises:
            RequestError: not an object, or not JSON.
        """
        if not self.raw_prefetch:
            return None
        value = _decode(self.raw_prefetch, "$.prefetch")
        if value is not None and not isinstance(value, dict):
            raise RequestError("$.prefetch", "must be an object or null")
        return value


class _Envelope(msgspec.Struct):
    hook: Any = msgspec.UNSET
    hookInstance: Any = msgspec.UNSET  # noqa: N815  spelled as CDS Hooks spells it
    context: Any = msgspec.UNSET
    fhirServer: Any = msgspec.UNSET  # noqa: N815
    fhirAuthorization: Any = msgspec.UNSET  # noqa: N815
    prefetch: msgspec.Raw = msgspec.Raw(b"")


_envelope_decoder = msgspec.json.Decoder(_Envelope)
_any_decoder = msgspec.json.Decoder()


def _load_validator() -> Draft202012Validator:
    text = resources.files("cds_hooks.protocol").joinpath("schemas/request.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


_validator = _load_validator()


def _decode(data: bytes, path: str) -> Any:
    try:
        return _any_decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
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
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RequestError("$", "is not a JSON object in UTF-8") from error
    members: dict[str, Any] = {
        name: value
        for name in ("hook", "hookInstance", "context", "fhirServer", "fhirAuthorization")
        if (value := getattr(envelope, name)) is not msgspec.UNSET
        and not (value is None and name in ("fhirServer", "fhirAuthorization"))
    }
    if (fault := best_match(_validator.iter_errors(members))) is not None:
        raise _refusal(fault)
    context = members["context"]
    return HookRequest(
        hook=members["hook"],
        hook_instance=members["hookInstance"],
        patient_id=reference_id(context["patientId"]),
        user_id=as_text(context.get("userId")),
        drafts=_resources(context["draftOrders"]),
        selections=frozenset(context["selections"]) if isinstance(context.get("selections"), list) else None,
        fhir_server=members.get("fhirServer"),
        access_token=as_mapping(members.get("fhirAuthorization")).get("access_token"),
        raw_prefetch=bytes(envelope.prefetch),
    )


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


def _resources(bundle: Mapping[str, Any]) -> tuple[Resource, ...]:
    entries = (as_mapping(entry).get("resource") for entry in as_list(bundle.get("entry")))
    return tuple(resource for resource in entries if isinstance(resource, Mapping))
