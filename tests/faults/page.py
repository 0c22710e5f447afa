"""The page `docs/faults.md`, from a run of the suite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus

from cds_hooks.prefetch import FailureCause
from tests.faults.answered import Answered
from tests.faults.callers import CALLER_FAULTS
from tests.faults.stage import DEADLINE_MS, SCOPES, TOLERANCE_MS, Stage
from tests.faults.table import FAULTS

TRIES = 3

_HEAD = f"""\
# Faults of FHIR servers

What the clinician gets when the FHIR server of the EHR fails. Every line is one order signed through the whole
service: real HTTP, a real server process that misbehaves on real sockets, a deadline of {DEADLINE_MS} ms. `make faults`
writes this page from a run; the tests in `tests/faults` check the same calls, and that no thread, connection or open
file is left behind and no token goes to another origin.

The patient has a card from the order itself (`remsSupplyLimit`), one from the blood counts (`neutropenia`) and one from
the liver tests (`hepatotoxicity`). A fault befalls

* one search: that for creatinine and liver tests. Everything else is found.
* the whole server, and nothing was prefetched. Without the Patient a thalidomide analogue cannot be judged: 412.
* the whole server, while the Patient was prefetched: what the order alone tells is still said.

"What the card says" are the reasons in `checkIncomplete`, or what the OperationOutcome of a 412 says; – means that
nothing is missing (401 gives no reason away). The wall time is that of the
caller, the best of up to {TRIES} calls on two shared cores; the tests allow {DEADLINE_MS} + {TOLERANCE_MS} ms.
"""

_COLUMNS = "| fault | status | cards | what the card says | wall time |\n|---|---|---|---|---|\n"

_CALLERS = """\
## Clocks of callers, and the token endpoint

The FHIR server has no fault here. The caller authenticates itself, with a clock that may be wrong (tolerated: 30 s), or
brings no access token, so that the service gets its own (SMART Backend Services). The Patient was prefetched.

"""


def render(stage: Stage) -> str:
    """Run everything and return the page."""
    parts = [_HEAD]
    for scope, title in SCOPES.items():
        faults = [one for one in FAULTS.values() if scope != "one" or not one.whole_server_only]
        rows = [_row(stage, one.title, one.cause, partial(stage.call, one.key, scope)) for one in faults]
        parts.append(f"## {title[0].upper()}{title[1:]}\n\n{_COLUMNS}{''.join(rows)}")
    callers = [_row(stage, one.title, one.cause, partial(stage.call_of, one)) for one in CALLER_FAULTS.values()]
    parts.append(f"{_CALLERS}{_COLUMNS}{''.join(callers)}")
    return "\n".join(parts)


def _row(stage: Stage, title: str, cause: FailureCause | None, call: Callable[[], Answered]) -> str:
    best = call()
    for _ in range(TRIES - 1):
        too_late = FailureCause.TIMEOUT.phrase in best.incomplete and cause is not FailureCause.TIMEOUT
        if best.wall_ms <= DEADLINE_MS and not too_late:
            break
        again = call()
        best = again if too_late else min(best, again, key=lambda one: one.wall_ms)
    cards = ", ".join(f"`{topic}`" for topic in sorted(best.cards)) or "–"
    titles = [need.title for need in stage.clinical.order_check.reader.needs.values()]
    said = reasons(best.incomplete, titles) if best.status == HTTPStatus.OK else best.incomplete or "–"
    return f"| {' | '.join((title, str(best.status), cards, said, f'{best.wall_ms:.0f} ms'))} |\n"


def reasons(incomplete: str, titles: Sequence[str]) -> str:
    """Return which data are missing and why, as the card says it.

    Args:
        incomplete: detail of the card `checkIncomplete`.
        titles: what kinds of data are called; more than one of them is shortened to their number.
    """
    said = []
    for cause in FailureCause:
        lines = "\n".join(line for line in incomplete.splitlines() if f": {cause.phrase}" in line)
        if named := [title for title in titles if title in lines]:
            said.append(f"{named[0] if len(named) == 1 else f'{len(named)} kinds of data'}: {cause.phrase}")
    return "; ".join(said) or "–"
