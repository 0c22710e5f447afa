"""Refusing bodies that are too long."""

from __future__ import annotations

from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge


class BoundedRequest(Request):
    """A request whose body is refused when it is too long, also when its length was not announced.

    Flask refuses a Content-Length above the limit by itself. A chunked body it cuts at the limit without a word; what
    is left would pass for the whole.
    """

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body; raises RequestEntityTooLarge."""
        data = super().get_data(*args, **kwargs)
        limit = self.max_content_length
        may_be_cut = limit is not None and self.content_length is None and len(data) >= limit
        if may_be_cut and self.environ["wsgi.input"].read(1):
            raise RequestEntityTooLarge
        return data
