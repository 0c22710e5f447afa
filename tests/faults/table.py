"""The table of faults: what a server does, and what the service must make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cds_hooks.prefetch import FailureCause
from tests.faults import behaviours
from tests.faults.conversation import Conversation

Behaviour = Callable[[Conversation], bool | None]
"""Answers a request badly; returns whether the connection stays open."""

COMPLETE = None


@dataclass(frozen=True)
class Fault:
    """One way in which a FHIR server fails.

    Attributes:
        key: its name in URLs.
        title: its name for readers.
        cause: what the card must name as the reason; None when everything is found all the same.
        behave: what the server does; None when the fault lies in how it is reached.
        server: which listener is asked.
        whole_server_only: it cannot befall one search alone.
        reads_work: reads are not affected, so the Patient can be had from a server that is faulty throughout.
        takes_work: reading so far takes so much work that on a busy machine the time may be over first.
        topics: topics shown instead of the liver's when one search is affected; None follows from the cause.
    """

    key: str
    title: str
    cause: FailureCause | None
    behave: Behaviour | None = None
    server: str = "http"
    whole_server_only: bool = False
    reads_work: bool = False
    takes_work: bool = False
    topics: frozenset[str] | None = None

    def is_said_in(self, text: str) -> bool:
        """Whether a text names the cause."""
        causes = {self.cause, FailureCause.TIMEOUT if self.takes_work else None} - {None}
        return any(cause.phrase in text for cause in causes if cause)


def _listed(*faults: Fault) -> Mapping[str, Fault]:
    return MappingProxyType({fault.key: fault for fault in faults})


FAULTS = _listed(
    # --- the way to the server --------------------------------------------------------------------------------------
    Fault("refused", "connection refused", FailureCause.UNREACHABLE, server="refused", whole_server_only=True),
    Fault("no-such-host", "host name does not exist", FailureCause.NAME_UNKNOWN, server="dns", whole_server_only=True),
    Fault("slow-lookup", "name lookup hangs", FailureCause.TIMEOUT, server="slow-dns", whole_server_only=True),
    Fault("deaf", "connection accepted, never answered", FailureCause.TIMEOUT, server="deaf", whole_server_only=True),
    Fault(
        "self-signed",
        "certificate self-signed",
        FailureCause.CERTIFICATE_REFUSED,
        server="self-signed",
        whole_server_only=True,
    ),
    Fault(
        "wrong-host",
        "certificate of another host",
        FailureCause.CERTIFICATE_REFUSED,
        server="wrong-host",
        whole_server_only=True,
    ),
    Fault("expired", "certificate expired", FailureCause.CERTIFICATE_REFUSED, server="expired", whole_server_only=True),
    Fault(
        "no-handshake",
        "TLS handshake never answered",
        FailureCause.TIMEOUT,
        server="https-deaf",
        whole_server_only=True,
    ),
    Fault(
        "no-tls",
        "plain HTTP where TLS is expected",
        FailureCause.UNREACHABLE,
        server="https-http",
        whole_server_only=True,
    ),
    Fault("tls", "TLS with a good certificate (no fault)", COMPLETE, server="good"),
    # --- the connection ---------------------------------------------------------------------------------------------
    Fault("reset", "reset before the answer", FailureCause.UNREACHABLE, behaviours.reset),
    Fault("reset-mid-body", "reset in the middle of the body", FailureCause.UNREACHABLE, behaviours.reset_mid_body),
    Fault("reset-once", "reset, then a good answer", COMPLETE, behaviours.reset_once),
    Fault("closed", "closed without an answer", FailureCause.UNREACHABLE, behaviours.close),
    Fault(
        "too-long-length", "Content-Length too long, then closed", FailureCause.UNREACHABLE, behaviours.length_too_long
    ),
    Fault(
        "too-long-length-open", "Content-Length too long, left open", FailureCause.TIMEOUT, behaviours.length_left_open
    ),
    Fault("too-short-length", "Content-Length too short", FailureCause.BAD_ANSWER, behaviours.length_too_short),
    Fault("cut-chunks", "chunked body cut off", FailureCause.UNREACHABLE, behaviours.cut_chunks),
    Fault("no-http", "not HTTP at all", FailureCause.UNREACHABLE, behaviours.not_http),
    Fault(
        "endless-headers", "headers without end", FailureCause.UNREACHABLE, behaviours.endless_headers, takes_work=True
    ),
    # --- time -------------------------------------------------------------------------------------------------------
    Fault("slow", "answer after 150 ms (no fault)", COMPLETE, behaviours.slow_but_in_time),
    Fault("silent", "request read, never answered", FailureCause.TIMEOUT, behaviours.silent),
    Fault("drip-headers", "headers at one byte a second", FailureCause.TIMEOUT, behaviours.drip_headers),
    Fault("drip-body", "body at one byte a second", FailureCause.TIMEOUT, behaviours.drip_body),
    Fault("drip-chunks", "chunks of one byte, 20 a second", FailureCause.TIMEOUT, behaviours.drip_chunks),
    Fault("interim", "interim responses (100) without end", FailureCause.TIMEOUT, behaviours.interim),
    # --- refusals ---------------------------------------------------------------------------------------------------
    Fault("400", "400", FailureCause.REJECTED, behaviours.status(400)),
    Fault("401", "401", FailureCause.TOKEN_REFUSED, behaviours.status(401)),
    Fault("403", "403", FailureCause.TOKEN_REFUSED, behaviours.status(403)),
    Fault("404", "404", FailureCause.REJECTED, behaviours.status(404)),
    Fault("410", "410", FailureCause.NOT_FOUND, behaviours.status(410)),
    Fault("429", "429, Retry-After: 30", FailureCause.RATE_LIMITED, behaviours.status(429, retry_after=30)),
    Fault("429-once", "429, Retry-After: 0, then a good answer", COMPLETE, behaviours.once(429, retry_after=0)),
    Fault("500", "500", FailureCause.SERVER_ERROR, behaviours.status(500)),
    Fault("502", "502 with an HTML page", FailureCause.SERVER_ERROR, behaviours.bad_gateway),
    Fault("503", "503", FailureCause.SERVER_ERROR, behaviours.status(503)),
    Fault("503-later", "503, Retry-After: 120", FailureCause.SERVER_ERROR, behaviours.status(503, retry_after=120)),
    Fault("503-once", "503, then a good answer", COMPLETE, behaviours.once(503)),
    Fault("sort-refused", "400: _sort is not supported", COMPLETE, behaviours.sort_refused),
    # --- redirects --------------------------------------------------------------------------------------------------
    Fault("redirect-circle", "redirects in a circle", FailureCause.BAD_ANSWER, behaviours.redirect_circle),
    Fault(
        "redirect-away",
        "redirect to an address not allowed",
        FailureCause.ADDRESS_NOT_ALLOWED,
        behaviours.redirect_away,
    ),
    Fault(
        "redirect-origin",
        "redirect to another allowed origin: no token goes there",
        COMPLETE,
        behaviours.redirect_origin,
    ),
    # --- content ----------------------------------------------------------------------------------------------------
    Fault("html", "200 with an HTML page", FailureCause.BAD_ANSWER, behaviours.html),
    Fault("truncated-json", "JSON cut off", FailureCause.BAD_ANSWER, behaviours.truncated_json),
    Fault("nan", "JSON with NaN", FailureCause.BAD_ANSWER, behaviours.nan),
    Fault("deep-json", "JSON nested 100,000 deep", FailureCause.BAD_ANSWER, behaviours.deep_json, takes_work=True),
    Fault("utf-16", "JSON in UTF-16", FailureCause.BAD_ANSWER, behaviours.utf_16),
    Fault("bad-gzip", "gzip that is none", FailureCause.BAD_ANSWER, behaviours.bad_gzip),
    Fault("nothing", "204 without content", FailureCause.BAD_ANSWER, behaviours.status(204)),
    Fault("wrong-type", "another resource type", FailureCause.BAD_ANSWER, behaviours.wrong_type),
    Fault("outcome", "200 with an OperationOutcome (error)", FailureCause.OPERATION_OUTCOME, behaviours.outcome),
    Fault(
        "outcome-beside",
        "OperationOutcome (error) beside the data",
        FailureCause.OPERATION_OUTCOME,
        behaviours.outcome_beside,
        reads_work=True,
        topics=frozenset({"hepatotoxicity"}),
    ),
    Fault(
        "empty",
        "empty Bundle: there are none (no fault)",
        COMPLETE,
        behaviours.empty,
        reads_work=True,
        topics=frozenset({"liverTestsOverdue", "renalFunctionUnknown"}),
    ),
    Fault(
        "endless-next",
        "next links without end",
        FailureCause.PAGE_NOT_FOLLOWED,
        behaviours.endless_next,
        reads_work=True,
        topics=frozenset({"hepatotoxicity"}),
    ),
    Fault(
        "next-circle",
        "next link to itself",
        FailureCause.PAGE_NOT_FOLLOWED,
        behaviours.next_circle,
        reads_work=True,
        topics=frozenset({"hepatotoxicity"}),
    ),
    Fault(
        "next-away",
        "next link to an address not allowed",
        FailureCause.PAGE_NOT_FOLLOWED,
        behaviours.next_away,
        reads_work=True,
        topics=frozenset({"hepatotoxicity"}),
    ),
    Fault(
        "next-origin",
        "next link to another allowed origin: no token goes there",
        COMPLETE,
        behaviours.next_origin,
        reads_work=True,
    ),
    Fault("large", "50 MB", FailureCause.TOO_LARGE, behaviours.large, takes_work=True),
    Fault(
        "large-gzip", "50 MB of spaces in 50 kB of gzip", FailureCause.TOO_LARGE, behaviours.large_gzip, takes_work=True
    ),
    # --- clocks -----------------------------------------------------------------------------------------------------
    Fault("date-off", "Date of the server a day ahead (no fault)", COMPLETE, behaviours.date_off),
    Fault("date-off-retry", "429 until a moment by a clock a day ahead", COMPLETE, behaviours.date_off_retry),
)
