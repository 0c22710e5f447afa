"""HTML pages from templates, under a policy that lets nothing run that is not a file of ours."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, render_template

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
        context: what the template is filled in with; every value is escaped.
    """
    response = Response(render_template(template, **context), status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
