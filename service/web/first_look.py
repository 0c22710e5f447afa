"""The first look at a hook call, before Flask: calls about other drugs are answered here, and the rest handed on.

Hundreds of calls about other drugs come for each about ours. What Flask does for any request (contexts, routing,
response object) takes longer than to see that such a call does not concern us.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson

from cds_hooks.protocol.services import SERVICES
from service.web.access import answers_this_machine_only, is_local
from service.web.call_metrics import count_irrelevant
from service.web.headers import SERVICES_PATH, standard_headers
from service.web.hook_call import HookCall, receive
from service.wiring import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_KEY = "lencds.hook_call"
_NO_CARDS = orjson.dumps({"cards": []})
_BY_PATH = {f"{SERVICES_PATH}/{service.id}": service for service in SERVICES.values()}


class FirstLook:
    """The outermost layer of the application.

    What is not a hook call, comes from a web page (whose answers need headers of their own) or from another machine
    while authentication is off, it leaves to Flask untouched. Whatever goes wrong in it, Flask reports.
    """

    def __init__(self, application: WSGIApplication, services: Services) -> None:
        """Wrap the application of Flask."""
        self._application, self._services = application, services
        settings = services.settings
        self._proxies = settings.trusted_proxies
        self._only_local = answers_this_machine_only(settings)
        self._headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(_NO_CARDS))),
            *standard_headers(settings).items(),
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a call, or have it answered."""
        service = _BY_PATH.get(environ.get("PATH_INFO", ""))
        if service is None or environ["REQUEST_METHOD"] != "POST" or not self._may_answer(environ):
            return self._application(environ, start_response)
        try:
            call = receive(environ, service, self._services)
            if not call.drafts:
                count_irrelevant(self._services.metrics, call)
                start_response("200 OK", list(self._headers))
                return [_NO_CARDS]
        except Exception as error:  # noqa: BLE001  Flask has the answers to all errors, also to unforeseen ones
            environ[_KEY] = error
        else:
            environ[_KEY] = call
        return self._application(environ, start_response)

    def _may_answer(self, environ: WSGIEnvironment) -> bool:
        return "HTTP_ORIGIN" not in environ and (not self._only_local or is_local(environ, self._proxies))


def received_call(environ: WSGIEnvironment, service_id: str, services: Services) -> HookCall | None:
    """Return the call that was taken in at the first look, or take it in now.

    Args:
        environ: the request.
        service_id: the service in its address.
        services: the parts of the application.

    Returns:
        The call; None if there is no such service.

    Raises:
        Exception: whatever was wrong with it at the first look, see `receive`.
    """
    seen = environ.pop(_KEY, None)
    if isinstance(seen, Exception):
        raise seen
    if isinstance(seen, HookCall):
        return seen
    service = SERVICES.get(service_id)
    return receive(environ, service, services) if service else None
