"""What every worker process of the server runs."""

from __future__ import annotations

from multiprocessing.util import Finalize

from flask import Flask

from service.app import create_app


def application() -> Flask:
    """Return the application, whose parts are closed in good order when the worker process ends.

    A worker leaves through `multiprocessing`, which calls its own finalizers but none of `atexit`.
    """
    app = create_app()
    Finalize(app, app.extensions["lencds"].close, exitpriority=10)
    return app
