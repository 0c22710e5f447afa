"""Who is logged in to the console: a signed cookie, and a token against writes from other sites.

Nothing is stored: the cookie says until when it is valid, and every worker and instance can verify it, because its key
is derived from settings they share. So a single session cannot be ended from the server's side; changing
LENCDS_ADMIN_TOKEN ends all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request, Response

from service.addresses import Address
from service.web.login_brake import LoginBrake

LIFETIME = timedelta(hours=8)
"""How long a login lasts, used or not."""

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_COOKIE = 256
_ADMIN, _LOCAL = "admin", "local"


class LoginRefusedError(Exception):
    """The token is wrong, there is none to log in with, or too many were wrong before.

    Attributes:
        retry_after_s: whole seconds until another attempt is looked at; 0 means at once.
    """

    def __init__(self, retry_after_s: int = 0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("login refused")


class CrossSiteWriteError(Exception):
    """A write did not bring the token of its session: perhaps a page of another site made the browser send it."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person at the console.

    Attributes:
        name: random, signed; what the CSRF token is bound to.
        expires: Unix time in seconds.
        kind: `admin` after a login, `local` for this machine, which needs none.
    """

    name: str
    expires: int
    kind: str


class AdminSessions:
    """Begins, recognises and ends sessions.

    Args:
        admin_token: LENCDS_ADMIN_TOKEN; None means that nobody can log in and only this machine is served.
        audit_key: secret shared by all instances; without it a stolen cookie would allow to guess the admin token.
        base_url: public address of the service; decides whether cookies are for https alone. Headers never do.
        clock: the present instant.
        brake: slows down guessing.
    """

    def __init__(
        self,
        *,
        admin_token: str | None,
        audit_key: bytes,
        base_url: str,
        clock: Callable[[], datetime],
        brake: LoginBrake | None = None,
    ) -> None:
        self._token = None if admin_token is None else _digest(admin_token)
        self._key = hmac.new(audit_key, b"lencds console session 1" + (self._token or b""), hashlib.sha256).digest()
        self._clock, self._brake = clock, brake or LoginBrake()
        address = Address.parse(base_url, plain_http=True)
        # Browsers do not keep Secure cookies of plain http, except some on loopback.
        self._secure = not (address.scheme == "http" and address.is_loopback)
        self.cookie_name = "__Host-lencds-console" if self._secure else "lencds-console"

    def log_in(self, token: str, peer: str) -> Session:
        """Begin a session with the admin token.

        Args:
            token: as typed; it must have come in the body of a POST.
            peer: address it came from, for the brake.

        Raises:
            LoginRefusedError: wrong, or too soon after wrong ones.
        """
        if (pause := self._brake.pause_s(peer)) > 0:
            raise LoginRefusedError(int(pause) + 1)
        if self._token is None or not hmac.compare_digest(_digest(token), self._token):
            self._brake.failed(peer)
            raise LoginRefusedError
        self._brake.succeeded(peer)
        return self._begin(_ADMIN)

    def begin_local(self) -> Session:
        """Begin a session for a request that `service.web.access.is_local` vouches for: without login, with cookie.

        Such a session is good for local requests only; it exists so that writes have a CSRF token.
        """
        return self._begin(_LOCAL)

    def find(self, request: Request, *, local: bool) -> Session | None:
        """Return the session of a request, None when it has none that is valid.

        Args:
            request: the request.
            local: whether it comes from this machine.
        """
        try:
            session = self._read(request.cookies.get(self.cookie_name, ""))
        except UnicodeDecodeError:  # a Cookie header that is not UTF-8
            return None
        if session is None or session.expires <= self._clock().timestamp():
            return None
        return session if session.kind == _ADMIN or local else None

    def hand_out(self, response: Response, session: Session) -> None:
        """Put the cookie of a session into a response."""
        body = f"{session.kind}.{session.expires}.{session.name}"
        response.set_cookie(
            self.cookie_name,
            f"{body}.{self._sign('cookie', body)}",
            max_age=max(0, session.expires - int(self._clock().timestamp())),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Strict",
        )

    def take_back(self, response: Response) -> None:
        """Make the browser forget the cookie."""
        response.delete_cookie(self.cookie_name, path="/", secure=self._secure, httponly=True, samesite="Strict")

    def csrf_token(self, session: Session) -> str:
        """Return what every form of a session must send along: field `csrf`, or header `X-CSRF-Token`."""
        return self._sign("csrf", session.name)

    def check_write(self, request: Request, session: Session) -> None:
        """Refuse a write that does not come from a page of this session. Reads pass.

        Raises:
            CrossSiteWriteError: it does not.
        """
        if request.method in _SAFE_METHODS:
            return
        given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
        if not hmac.compare_digest(given.encode(), self.csrf_token(session).encode()):
            raise CrossSiteWriteError

    def _begin(self, kind: str) -> Session:
        return Session(secrets.token_hex(16), int((self._clock() + LIFETIME).timestamp()), kind)

    def _read(self, cookie: str) -> Session | None:
        body, _, signature = cookie[:_LONGEST_COOKIE].rpartition(".")
        if not body or not hmac.compare_digest(signature.encode(), self._sign("cookie", body).encode()):
            return None
        kind, expires, name = body.split(".")
        return Session(name, int(expires), kind)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _digest(token: str) -> bytes:
    """Hash a token, so that comparing takes the same time for every length."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
