"""Authentication of the request at hand."""

from __future__ import annotations

from flask import request

from service.auth.caller import Caller
from service.wiring import Services


def authenticated_caller(services: Services) -> Caller:
    """Return who sent the present request.

    Raises:
        Unauthenticated: nobody who may call; answered with 401.
    """
    return services.authenticator.authenticate(request.headers.get("Authorization"), request.path)
