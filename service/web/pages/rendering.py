"""HTML pages from templates, under a policy that lets nothing run that is not a file of ours."""

from __future__ import annotations

import posixpath
from typing import Any

from flask import Blueprint, Flask, Response, render_template, request, url_for

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script or style, nothing from elsewhere."""

_NAME = "pages"


def register_pages(app: Flask) -> None:
    """Add the templates and, at `/assets/`, the static files that all pages share; a second time does nothing."""
    if _NAME not in app.blueprints:
        blueprint = Blueprint(
            _NAME, __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
        )
        app.register_blueprint(blueprint)


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page.

    Args:
        template: its template, relative to `templates/`.
        status: HTTP status.
        context: what the template is filled in with; every value is escaped. `url_for` gives relative addresses.
    """
    text = render_template(template, url_for=relative_url_for, **context)
    response = Response(text, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


def relative_url_for(endpoint: str, **values: Any) -> str:
    """Return the address of an endpoint, relative to the page that is being answered.

    So links work below whatever path a proxy shows the service, and on the machine itself, where there is none.
    """
    path, question_mark, query = url_for(endpoint, **values).partition("?")
    here = posixpath.dirname(request.script_root + request.path) or "/"
    relative = posixpath.relpath(path, here)
    return relative + ("/" if path.endswith("/") and relative != "/" else "") + question_mark + query
