"""The questions of one call: what is asked first, and what an answer makes necessary to ask next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cds_hooks.chart.fhir import Resource, reference_id
from cds_hooks.prefetch import FailureCause, distinct, of_patient, read_page
from service.fhir.answers import BUNDLE, Judgement, Refusal, outcome_words
from service.fhir.medications import medication_address, missing_medications
from service.fhir.plan import OPTIONAL_NEEDS, Gathered, Plan
from service.fhir.refusals import Refusals
from service.fhir.round import Ask
from service.fhir.search import SORT, dispensable, named_in, parameter_names, without
from service.fhir.versions import spelled_for

MAX_PAGES = 10

_REFUSED = FailureCause.REJECTED


class Inquiry:
    """What one call asks for and has found so far. Used by the calling thread alone.

    Args:
        plan: what the call has and wants.
        refusals: what servers refused lately; searches are asked without it from the start.
    """

    def __init__(self, plan: Plan, refusals: Refusals) -> None:
        self._plan, self._refusals = plan, refusals
        self._needs = {need.key: need for need in plan.wanted}
        self._found: list[Resource] = []
        self._own: tuple[list[Resource], Mapping[str, int]] | None = None
        self._failed: dict[str, FailureCause] = {}
        self._truncated: set[str] = set()
        self._not_offered: set[str] = set()
        self._medications_missing: dict[str, FailureCause] = {}
        self._pages_asked: set[str] = set()

    def first_asks(self) -> list[Ask]:
        """Return the searches of the gaps, and the second pages of what was prefetched."""
        plan = self._plan
        asks = []
        for gap in plan.prefetched.gaps(plan.wanted):
            need = gap if plan.access is None else spelled_for(plan.access.server.version, gap)
            if need is None:
                self._not_offered.add(gap.key)
            else:
                self._needs[gap.key] = need
                url = need.search(plan.patient_id, plan.now)
                if need.is_read:
                    asks.append(Ask((gap.key,), url, need.resource_type, identity=plan.patient_id))
                else:
                    asks.append(self._without_refused(Ask((gap.key,), url, BUNDLE)))
        # One key of a client may stand for several needs; its next page is the next page of all of them.
        by_link: dict[str, list[str]] = {}
        for key, link in plan.prefetched.next_links.items():
            if key in self._needs:
                by_link.setdefault(link, []).append(key)
        for link, keys in by_link.items():
            self._pages_asked.add(link)
            asks.append(Ask(tuple(keys), link, BUNDLE, page=2))
        return asks

    def medication_asks(self) -> list[Ask]:
        """Return reads of the Medications that records refer to and nobody sent."""
        known = (*self._plan.drafts, *self._plan.prefetched.resources, *self._own_resources()[0])
        return [medication_ask(reference) for reference in missing_medications(known)]

    def take(self, ask: Ask, outcome: Judgement) -> list[Ask]:
        """Note an outcome.

        Returns:
            What has to be asked next because of it.
        """
        if isinstance(outcome, Refusal):
            if simpler := self._simpler(ask, outcome):
                return [simpler]
            self._note_failure(ask, outcome.cause)
        elif isinstance(outcome, FailureCause):
            self._note_failure(ask, outcome)
        elif ask.expected == BUNDLE:
            return self._take_page(ask, outcome)
        else:
            self._add(outcome)
        return []

    def gathered(self, elapsed_ms: float) -> Gathered:
        """Return the result."""
        resources, dropped = self._own_resources()
        traffic = self._plan.access.traffic if self._plan.access else None
        return Gathered(
            resources=resources,
            patient=next((one for one in resources if one.get("resourceType") == "Patient"), None),
            failed=self._failed,
            truncated=frozenset(self._truncated - self._failed.keys()),
            not_offered=frozenset(self._not_offered),
            medications_missing=self._medications_missing,
            dropped_other_patient=dropped,
            requests=traffic.requests if traffic else 0,
            received_bytes=traffic.received_bytes if traffic else 0,
            elapsed_ms=elapsed_ms,
        )

    def _take_page(self, ask: Ask, bundle: Resource) -> list[Ask]:
        page = read_page(bundle)
        said = outcome_words(bundle)
        ignored = named_in(said, parameter_names(ask.url)) if "parameter" in said.lower() else frozenset()
        if (page.failed or page.is_empty) and ignored and (simpler := self._simpler(ask, Refusal(_REFUSED, said))):
            self._add(*page.resources)
            return [simpler]
        self._add(*page.resources)
        needs = [self._needs[key] for key in ask.keys]
        if page.failed or (ask.page == 1 and not all(map(page.answers, needs))):
            self._note_failure(ask, FailureCause.OPERATION_OUTCOME if page.failed else FailureCause.BAD_ANSWER)
            return []
        if not ignored.isdisjoint(need.patient_parameter for need in needs):
            # It searched among all patients; those of this one may be on no page that is read.
            self._note_failure(ask, _REFUSED)
            return []
        self._remember(ask)
        newest_first = ask.newest_first and ignored.isdisjoint(SORT)
        if not page.next_link:
            return []
        if newest_first and all(page.passes_lookback(need, self._plan.now) for need in needs):
            return []
        if ask.page >= MAX_PAGES or page.next_link in self._pages_asked:
            self._truncated.update(ask.keys)
            return []
        self._pages_asked.add(page.next_link)
        return [Ask(ask.keys, page.next_link, BUNDLE, ask.page + 1, newest_first=newest_first)]

    def _simpler(self, ask: Ask, refusal: Refusal) -> Ask | None:
        """Return a refused search without what the server named, or without all it can do without."""
        if ask.page > 1 or ask.expected != BUNDLE:
            return None
        need = self._needs[ask.keys[0]]
        if refusal.cause is FailureCause.NOT_SUPPORTED and need.key in OPTIONAL_NEEDS:
            return None
        dispensables = dispensable(ask.url, need)
        named = named_in(refusal.words, dispensables)
        if refusal.cause is FailureCause.OPERATION_OUTCOME and not named:
            return None
        refused = named or dispensables - {"_count"}
        return self._leaving_out(ask, refused) if refused else None

    def _without_refused(self, ask: Ask) -> Ask:
        """Return a search without what the server refused lately."""
        if self._plan.access is None:
            return ask
        need, base = self._needs[ask.keys[0]], self._plan.access.server.base
        refused = frozenset(
            name for name in dispensable(ask.url, need) if self._refusals.holds(base, name, need.resource_type)
        )
        return replace(self._leaving_out(ask, refused), left_out=frozenset()) if refused else ask

    def _leaving_out(self, ask: Ask, names: frozenset[str]) -> Ask:
        newest_first = ask.newest_first and names.isdisjoint(SORT)
        return replace(ask, url=without(ask.url, names), newest_first=newest_first, left_out=ask.left_out | names)

    def _remember(self, ask: Ask) -> None:
        """Remember what a search had to leave out, now that it was accepted without."""
        if self._plan.access is not None:
            for name in ask.left_out:
                kind = self._needs[ask.keys[0]].resource_type
                self._refusals.note(self._plan.access.server.base, name, kind)

    def _note_failure(self, ask: Ask, cause: FailureCause) -> None:
        if ask.expected == "Medication":
            self._medications_missing.update(dict.fromkeys(ask.keys, cause))
        elif ask.page > 1:
            self._truncated.update(ask.keys)
        else:
            for key in ask.keys:
                is_silent = cause is FailureCause.NOT_SUPPORTED and key not in OPTIONAL_NEEDS
                self._failed[key] = FailureCause.REJECTED if is_silent else cause

    def _add(self, *resources: Resource) -> None:
        self._found += resources
        self._own = None

    def _own_resources(self) -> tuple[list[Resource], Mapping[str, int]]:
        if self._own is None:
            self._own = of_patient(distinct(self._found, self._plan.prefetched.resources), self._plan.patient_id)
        return self._own


def medication_ask(reference: str) -> Ask:
    """Return the read of the Medication of a reference."""
    identity = reference_id(reference, "Medication")
    return Ask((reference,), medication_address(reference), "Medication", identity=identity)
