"""Headers every response carries, and permission for browser clients."""

from __future__ import annotations

from flask import Flask, Response, request

from service.config import Settings

SERVICES_PATH = "/cds-services"
_METHODS = "GET, POST, OPTIONS"
_REQUEST_HEADERS = "Authorization, Content-Type"
_PREFLIGHT_S = 600
_SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_ONLY_TLS = "max-age=31536000"


def standard_headers(settings: Settings) -> dict[str, str]:
    """Return the headers that every response carries."""
    if settings.base_url.startswith("https://"):
        return {**_SECURITY, "Strict-Transport-Security": _ONLY_TLS}
    return dict(_SECURITY)


def register_headers(app: Flask, settings: Settings) -> None:
    """Add the headers to every response of the application.

    A view may set its own value of any of them first (pages need another Content-Security-Policy). Browser clients of
    other origins are let in to discovery, services and feedback, and to nothing else.
    """
    headers = standard_headers(settings)

    @app.after_request
    def add_headers(response: Response) -> Response:
        given = {name.lower() for name, _ in response.headers}
        response.headers.extend((name, value) for name, value in headers.items() if name.lower() not in given)
        if settings.cors_origins and is_for_browsers(request.path):
            _allow_origin(response, settings.cors_origins)
        return response


def is_for_browsers(path: str) -> bool:
    """Whether pages of other origins may be let in to a path: discovery, services, feedback."""
    return path == SERVICES_PATH or path.startswith(SERVICES_PATH + "/")


def _allow_origin(response: Response, allowed: tuple[str, ...]) -> None:
    if allowed == ("*",):
        response.headers["Access-Control-Allow-Origin"] = "*"
    else:
        response.vary.add("Origin")
        if (origin := request.headers.get("Origin")) not in allowed:
            return
        response.headers["Access-Control-Allow-Origin"] = str(origin)
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
        response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_S)
