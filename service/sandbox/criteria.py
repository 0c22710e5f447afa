"""One search criterion, `name=value,value…`, as a predicate over resources."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.sandbox.interval import COMPARISONS, interval_of, parse_interval
from service.sandbox.outcome import FhirError, Resource
from service.sandbox.search_parameters import SearchParameter

Predicate = Callable[[Any], bool]

_PREFIX = re.compile(r"([a-z]{2})(.*)")


def criterion(parameter: SearchParameter, value: str, base_url: str) -> Callable[[Resource], bool]:
    """Return the predicate that is true for the resources which `parameter=value` selects.

    Args:
        parameter: the search parameter.
        value: its value as sent, with commas for "or" and backslash escapes.
        base_url: base URL of this server, so that absolute references to itself are understood.

    Raises:
        FhirError: the value cannot be understood (400).
    """
    alternatives = [_PREDICATES[parameter.type](parameter, alternative, base_url) for alternative in _split(value, ",")]

    def selects(resource: Resource) -> bool:
        return any(matches(element) for element in parameter.elements(resource) for matches in alternatives)

    return selects


def _split(text: str, separator: str) -> list[str]:
    """Split at every separator that is not escaped; escapes are left in place."""
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _unescape(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def _reject(parameter: SearchParameter, reason: str) -> FhirError:
    return FhirError(400, "invalid", f"Search parameter '{parameter.name}': {reason}")


@dataclass(frozen=True, slots=True)
class Token:
    """A code with its system; `implied` when the element is a bare code, whose system its definition fixes."""

    system: str | None
    code: str
    implied: bool = False


def tokens(element: Any) -> Iterator[Token]:
    """Yield the tokens of a CodeableConcept, Coding, Identifier, code or boolean element."""
    if isinstance(element, bool):
        yield Token(None, "true" if element else "false", implied=True)
    elif isinstance(element, str):
        yield Token(None, element, implied=True)
    elif isinstance(element, Mapping):
        for coding in element.get("coding") or [element]:
            code = coding.get("code", coding.get("value"))
            if isinstance(code, str):
                yield Token(coding.get("system"), code)


def _token_predicate(parameter: SearchParameter, value: str, _base_url: str) -> Predicate:
    parts = [_unescape(part) for part in _split(value, "|")]
    match parts:
        case [code] if code:
            return lambda element: any(token.code == code for token in tokens(element))
        case [system, code] if system or code:
            return lambda element: any(
                (token.implied or (token.system or "") == system) and code in ("", token.code)
                for token in tokens(element)
            )
        case _:
            raise _reject(parameter, f"'{value}' is not of the form code, system|code, |code or system|")


def local_reference(reference: str, base_url: str) -> str:
    """Return `reference` without a version and, if it points to this server, without the base URL."""
    return reference.partition("/_history/")[0].removeprefix(f"{base_url}/")


def reference_of(element: Any, base_url: str) -> str | None:
    """Return what a Reference element points to, in the form of `local_reference`, or None."""
    if isinstance(element, Mapping) and isinstance(element.get("reference"), str):
        return local_reference(element["reference"], base_url)
    return None


def _reference_predicate(parameter: SearchParameter, value: str, base_url: str) -> Predicate:
    wanted = local_reference(_unescape(value), base_url)
    if not wanted:
        raise _reject(parameter, "no value")

    def matches(element: Any) -> bool:
        actual = reference_of(element, base_url)
        if actual is None or "://" in actual:
            return actual == wanted
        kind, _, logical_id = actual.partition("/")
        return wanted in (actual, logical_id) and (not parameter.targets or kind in parameter.targets)

    return matches


def _date_predicate(parameter: SearchParameter, value: str, _base_url: str) -> Predicate:
    match = _PREFIX.fullmatch(value)
    prefix, text = (match[1], match[2]) if match else ("eq", value)
    if prefix not in COMPARISONS:
        raise _reject(parameter, f"prefix '{prefix}' is not supported, only {', '.join(COMPARISONS)}")
    try:
        # An unencoded "+02:00" arrives as " 02:00": a blank has no other meaning in a date.
        wanted = parse_interval(text.replace(" ", "+"))
    except ValueError as error:
        raise _reject(parameter, str(error)) from error
    compare = COMPARISONS[prefix]

    def matches(element: Any) -> bool:
        actual = interval_of(element)
        return actual is not None and compare(wanted, actual)

    return matches


def fold(text: str) -> str:
    """Return `text` without case and accents, as FHIR compares strings."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _string_predicate(parameter: SearchParameter, value: str, _base_url: str) -> Predicate:
    start = fold(_unescape(value))
    if not start:
        raise _reject(parameter, "no value")
    return lambda element: isinstance(element, str) and fold(element).startswith(start)


_PREDICATES: Mapping[str, Callable[[SearchParameter, str, str], Predicate]] = {
    "token": _token_predicate,
    "reference": _reference_predicate,
    "date": _date_predicate,
    "string": _string_predicate,
}
