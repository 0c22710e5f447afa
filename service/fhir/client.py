"""Asking one FHIR server for one thing: a read, a page of a search, or a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

import orjson

from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access, joined
from service.fhir.answers import BUNDLE, Judgement, batch_outcomes, judge
from service.fhir.deadline import Deadline
from service.fhir.exchange import MAX_BYTES, Exchange, Reply, Request
from service.fhir.search import FORM, LONGEST_URL, as_form
from service.fhir.transport import Transport

_MAX_REDIRECTS = 3
_HAS_NO_POST = frozenset(
    {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.NOT_FOUND}
)
_BATCH_WAS_JUDGED_AS_CALL = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
)
_PASSING = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class FhirClient:
    """Reads and searches over HTTP. Shared by all threads; keeps connections, but nothing of any call.

    Args:
        transport: the connections.
        max_bytes: limit of one decoded answer.
    """

    def __init__(self, transport: Transport, max_bytes: int = MAX_BYTES) -> None:
        self._exchange = Exchange(transport, max_bytes)

    def get(self, access: Access, url: str, expected: str, deadline: Deadline) -> Judgement:
        """Read a resource, or a further page of a search.

        Args:
            access: server and token.
            url: absolute, or relative to the base.
            expected: resource type that must come back; `Bundle` for a page of a search.
            deadline: everything ends by then, one repeated attempt and redirects included.
        """
        reply = self._reply(access, Request(access.server.url(url)), deadline)
        return reply if isinstance(reply, FailureCause) else judge(reply.status, reply.content, expected)

    def search(self, access: Access, url: str, deadline: Deadline) -> Judgement:
        """Make a search, by GET or by POST as the server is configured, or by POST because the URL is too long.

        Args:
            access: server and token.
            url: relative to the base.
            deadline: as in `get`.
        """
        by_choice = access.server.search_method == "POST"
        if not by_choice and len(access.server.url(url)) <= LONGEST_URL:
            return self.get(access, url, BUNDLE, deadline)
        target, form = as_form(url)
        reply = self._reply(access, Request(access.server.url(target), form, FORM), deadline)
        if isinstance(reply, FailureCause):
            return reply
        # Who chose POST wants no patient ids in URLs, come what may.
        if reply.status in _HAS_NO_POST and not by_choice:
            return self.get(access, url, BUNDLE, deadline)
        return judge(reply.status, reply.content, BUNDLE)

    def batch(
        self, access: Access, urls: Sequence[str], expected: Sequence[str], deadline: Deadline
    ) -> tuple[Judgement, ...] | None:
        """Make several reads and searches in one request.

        Args:
            access: server and token.
            urls: relative to the base.
            expected: resource type of each.
            deadline: everything ends by then.

        Returns:
            One outcome for each URL, in order; None when the server does not take batches, or not this one, which
            says nothing about the single requests.
        """
        entries = [{"request": {"method": "GET", "url": url}} for url in urls]
        body = orjson.dumps({"resourceType": BUNDLE, "type": "batch", "entry": entries})
        reply = self._reply(access, Request(access.server.base.rstrip("/"), body), deadline)
        if isinstance(reply, FailureCause):
            return None if reply is FailureCause.BAD_ANSWER else (reply,) * len(urls)
        if reply.status == HTTPStatus.OK:
            return batch_outcomes(reply.content, tuple(expected))
        if reply.status in _BATCH_WAS_JUDGED_AS_CALL or reply.status in _PASSING:
            cause = judge(reply.status, None, "")
            return (cause,) * len(urls)
        return None

    def _reply(self, access: Access, request: Request, deadline: Deadline) -> Reply | FailureCause:
        """Send a request and follow redirects to allowed addresses."""
        for _ in range(1 + _MAX_REDIRECTS):
            reply = self._exchange.send(access, request, deadline)
            if isinstance(reply, FailureCause) or reply.location is None:
                return reply
            request = replace(request, url=joined(request.url, reply.location))
        return FailureCause.BAD_ANSWER
