"""Who may see the console: this machine, whoever logged in, and scripts that bear the admin token."""

from __future__ import annotations

import re
from typing import Any

import structlog
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import Forbidden, Unauthorized

from service.web.access import is_local, is_trusted, peer_of
from service.web.admin_session import AdminSessions, CrossSiteWriteError, LoginRefusedError, Session
from service.web.pages.rendering import page, relative_url_for
from service.wiring import Services

log = structlog.get_logger(__name__)

_OPEN = frozenset({"console.login", "console.log_in"})
_OWN_PATH = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*(?:[A-Za-z0-9][A-Za-z0-9._-]*)?")


def register_gate(blueprint: Blueprint, services: Services) -> None:
    """Let nobody else in, and add login and logout.

    Args:
        blueprint: the console, named `console`.
        services: token, key and clock.
    """
    settings = services.settings
    sessions = AdminSessions(
        admin_token=settings.admin_token,
        audit_key=services.store.key.secret,
        base_url=settings.base_url,
        clock=services.clock,
    )

    @blueprint.before_request
    def let_in() -> Response | None:
        g.session = None
        local = is_local(request.environ, settings.trusted_proxies)
        session = sessions.find(request, local=local)
        if session is None and local:
            session = g.new_session = sessions.begin_local()
        if session is not None:
            g.session = session
            sessions.check_write(request, session)
            return None
        if request.endpoint in _OPEN or _bears_token():
            return None
        if "Authorization" in request.headers:
            raise Unauthorized
        if settings.admin_token is None:
            raise Forbidden
        return _see(relative_url_for("console.login", to=_own_path(request.path)))

    def _bears_token() -> bool:
        return request.method in ("GET", "HEAD") and is_trusted(request, settings.admin_token, settings.trusted_proxies)

    @blueprint.after_request
    def hand_out(response: Response) -> Response:
        if (session := g.get("new_session")) is not None:
            sessions.hand_out(response, session)
        return response

    @blueprint.context_processor
    def session_of_page() -> dict[str, Any]:
        session: Session | None = g.get("session")
        return {
            "csrf": sessions.csrf_token(session) if session is not None else "",
            "may_log_out": session is not None and session.kind == "admin",
        }

    @blueprint.errorhandler(CrossSiteWriteError)
    def cross_site(_error: CrossSiteWriteError) -> Response:
        return message(403, "Not done", "The form was too old, or another site sent it. Go back and try again.")

    @blueprint.errorhandler(Unauthorized)
    def wrong_token(_error: Unauthorized) -> Response:
        log.warning("console refused", peer=peer_of(request, settings.trusted_proxies))
        response = message(401, "Not allowed", "The token is not the admin token.")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    @blueprint.errorhandler(Forbidden)
    def stranger(_error: Forbidden) -> Response:
        return message(
            403,
            "Not from here",
            "No admin token is configured, so the console is for the machine the service runs on. Set"
            " LENCDS_ADMIN_TOKEN to open it to others.",
        )

    @blueprint.get("/login")
    def login() -> Response:
        return page("console/login.html", to=_safe(request.args.get("to", "")), can_log_in=_can_log_in())

    @blueprint.post("/login")
    def log_in() -> Response:
        peer = peer_of(request, settings.trusted_proxies)
        to = _safe(request.form.get("to", ""))
        try:
            session = sessions.log_in(request.form.get("token", ""), peer)
        except LoginRefusedError as error:
            log.warning("console login refused", peer=peer)
            status = 429 if error.retry_after_s else 401
            response = page(
                "console/login.html", status, to=to, can_log_in=_can_log_in(), refused=True, wait_s=error.retry_after_s
            )
            if error.retry_after_s:
                response.headers["Retry-After"] = str(error.retry_after_s)
            return response
        log.info("console login", peer=peer)
        g.pop("new_session", None)
        answer = _see(relative_url_for("console.overview") + to)
        sessions.hand_out(answer, session)
        return answer

    @blueprint.post("/logout")
    def log_out() -> Response:
        answer = _see(relative_url_for("console.login"))
        sessions.take_back(answer)
        return answer

    def _can_log_in() -> bool:
        return settings.admin_token is not None


def message(status: int, title: str, text: str) -> Response:
    """Return a page that says one thing."""
    return page("console/message.html", status, title=title, text=text)


def _see(address: str) -> Response:
    """Return an answer that sends the browser to another page."""
    return Response(status=303, headers={"Location": address})


def _own_path(path: str) -> str:
    """Return where in the console a path leads."""
    return _safe(path.partition("/console/")[2])


def _safe(to: str) -> str:
    """Return a place in the console, relative to it; "" for anything that may lead elsewhere."""
    return to if _OWN_PATH.fullmatch(to) and not to.startswith("log") else ""
