"""WSGI applications served on loopback from threads of this process: for the demo and the sandbox."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server

LOOPBACK = "127.0.0.1"


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve an application on loopback while the context lasts.

    Args:
        app: the application.
        port: port to listen on, 0 for any free one.

    Yields:
        its address, without slash at the end.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(LOOPBACK, port, app, threaded=True)
    thread = Thread(target=server.serve_forever, name=f"serve-{server.server_port}", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
