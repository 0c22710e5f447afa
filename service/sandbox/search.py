"""FHIR search: from the parameters of a request to a searchset Bundle."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from service.sandbox.criteria import criterion, fold, reference_of, tokens
from service.sandbox.interval import interval_of
from service.sandbox.outcome import FhirError, Resource, operation_outcome
from service.sandbox.search_parameters import SEARCH_PARAMETERS, SearchParameter
from service.sandbox.store import ResourceStore

OFFSET = "_offset"
"""Our own parameter in `next` links. The whole search stands in the link, so the server remembers nothing."""

MAX_PAGE_SIZE = 500
_ACCEPTED_SILENTLY = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """One `_include=Type:parameter[:Target]`."""

    parameter: SearchParameter
    target: str | None


@dataclass(slots=True)
class Search:
    """A search as understood. `used` are the parameters that had an effect, `ignored` the names that had none."""

    resource_type: str
    page_size: int
    offset: int = 0
    count_only: bool = False
    criteria: list[Callable[[Resource], bool]] = field(default_factory=list)
    sort: list[SortKey] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def parse_search(
    resource_type: str, parameters: Iterable[tuple[str, str]], *, base_url: str, page_size: int, strict: bool = False
) -> Search:
    """Read the parameters of a search on one resource type.

    Args:
        resource_type: what is searched.
        parameters: names and values in the order sent.
        base_url: base URL of this server.
        page_size: the page size if the client names none.
        strict: refuse unknown parameters instead of ignoring them (`Prefer: handling=strict`).

    Raises:
        FhirError: the type is not served (404), or something cannot be understood (400).
    """
    if resource_type not in SEARCH_PARAMETERS:
        raise FhirError(404, "not-supported", f"Resource type '{resource_type}' is not served here")
    known = SEARCH_PARAMETERS[resource_type]
    search = Search(resource_type, page_size)
    for name, value in parameters:
        if name in _ACCEPTED_SILENTLY:
            continue
        stem = name.partition(":")[0].partition(".")[0]
        if stem in known:
            if name != stem:
                raise FhirError(400, "not-supported", f"'{name}': modifiers and chains are not supported")
            search.criteria.append(criterion(known[name], value, base_url))
        elif name in _RESULT_PARAMETERS:
            _RESULT_PARAMETERS[name](search, value)
        elif stem in _RESULT_PARAMETERS or strict:
            raise FhirError(400, "not-supported", f"{resource_type} has no search parameter '{name}' here")
        else:
            search.ignored.append(name)
            continue
        if name not in ("_count", OFFSET):
            search.used.append((name, value))
    return search


def _read_count(search: Search, value: str) -> None:
    # FHIR gives `_count=0` the meaning of `_summary=count`: a page of no entries is just that.
    search.page_size = min(_whole_number("_count", value), MAX_PAGE_SIZE)


def _read_offset(search: Search, value: str) -> None:
    search.offset = _whole_number(OFFSET, value)


def _read_summary(search: Search, value: str) -> None:
    if value not in ("count", "false"):
        raise FhirError(400, "not-supported", "_summary: only 'count' and 'false' are supported")
    search.count_only = search.count_only or value == "count"


def _read_sort(search: Search, value: str) -> None:
    for key in value.split(","):
        parameter = SEARCH_PARAMETERS[search.resource_type].get(key.removeprefix("-"))
        if parameter is None:
            raise FhirError(400, "not-supported", f"_sort: {search.resource_type} cannot be sorted by '{key}'")
        search.sort.append(SortKey(parameter, descending=key.startswith("-")))


def _read_include(search: Search, value: str) -> None:
    source, _, rest = value.partition(":")
    name, _, target = rest.partition(":")
    parameter = SEARCH_PARAMETERS.get(source, {}).get(name)
    if source != search.resource_type or parameter is None or parameter.type != "reference":
        raise FhirError(400, "not-supported", f"_include: '{value}' is not a reference of {search.resource_type}")
    search.includes.append(Include(parameter, target or None))


_RESULT_PARAMETERS: dict[str, Callable[[Search, str], None]] = {
    "_count": _read_count,
    "_include": _read_include,
    "_sort": _read_sort,
    "_summary": _read_summary,
    OFFSET: _read_offset,
}


def _whole_number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(2**31)):
        raise FhirError(400, "invalid", f"{name}: '{value}' is not a whole number")
    return int(value)


def run_search(search: Search, store: ResourceStore, base_url: str) -> Resource:
    """Return one page of the search as a searchset Bundle, with links `self` and, if there is more, `next`."""
    matches = [
        resource
        for resource in store.all(search.resource_type)
        if all(selects(resource) for selects in search.criteria)
    ]
    for key in reversed(search.sort):
        matches = _sorted(matches, key)
    page = [] if search.count_only else matches[search.offset : search.offset + search.page_size]
    entries = [_entry(resource, "match", base_url) for resource in page]
    entries += [_entry(resource, "include", base_url) for resource in _included(search, page, store, base_url)]
    if search.ignored:
        names = ", ".join(sorted(set(search.ignored)))
        outcome = operation_outcome("warning", "not-supported", f"Search parameters ignored: {names}")
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    links = [{"relation": "self", "url": _link(search, search.offset, base_url)}]
    following = search.offset + search.page_size
    if page and following < len(matches):
        links.append({"relation": "next", "url": _link(search, following, base_url)})
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(matches), "link": links}
    # FHIR JSON knows no empty lists.
    return {**bundle, "entry": entries} if entries else bundle


def _link(search: Search, offset: int, base_url: str) -> str:
    parameters = [*search.used, ("_count", str(search.page_size))]
    if offset:
        parameters.append((OFFSET, str(offset)))
    return f"{base_url}/{search.resource_type}?{urlencode(parameters, safe=':/,', quote_via=quote)}"


def _entry(resource: Resource, mode: str, base_url: str) -> Resource:
    url = f"{base_url}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _included(search: Search, page: Sequence[Resource], store: ResourceStore, base_url: str) -> Iterator[Resource]:
    seen = {f"{resource['resourceType']}/{resource['id']}" for resource in page}
    for include in search.includes:
        for resource in page:
            for element in include.parameter.elements(resource):
                reference = reference_of(element, base_url)
                if reference is None or reference in seen:
                    continue
                found = store.find(reference)
                if found is not None and include.target in (None, found["resourceType"]):
                    seen.add(reference)
                    yield found


def _sorted(resources: Sequence[Resource], key: SortKey) -> list[Resource]:
    """Sort stably by one key; resources without a value come last in either direction."""
    pick = max if key.descending else min
    with_values = [(list(_sort_values(key, resource)), resource) for resource in resources]
    valued = [(pick(values), resource) for values, resource in with_values if values]
    valued.sort(key=lambda pair: pair[0], reverse=key.descending)
    return [resource for _, resource in valued] + [resource for values, resource in with_values if not values]


def _sort_values(key: SortKey, resource: Resource) -> Iterator[Any]:
    for element in key.parameter.elements(resource):
        match key.parameter.type:
            case "date":
                if interval := interval_of(element):
                    yield interval.low
            case "token":
                yield from (token.code for token in tokens(element))
            case "reference":
                if reference := reference_of(element, ""):
                    yield reference
            case "string":
                if isinstance(element, str):
                    yield fold(element)
