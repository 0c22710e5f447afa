"""A FHIR server with faults, on real sockets, in a process of its own.

The base URL says which fault is wanted and where: `/<fault>/<scope>/<run>/fhir`. With the scope `one` only the search
for creatinine and liver tests is faulty, with `all` everything. It is a process of its own so that it neither shares
the interpreter lock nor the open files of the service under test.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from service.sandbox.outcome import FhirError
from service.sandbox.server import Sandbox
from service.sandbox.store import ResourceStore
from tests.faults.certificates import KINDS
from tests.faults.conversation import Conversation
from tests.faults.table import FAULTS

ONE = "one"
ALL = "all"
LIVER_TEST = "1742-6"
"""LOINC of ALT: the search that asks for it is the one that fails."""

_TLS_HANDSHAKE = b"\x16"
_TOKEN = {"access_token": "a-token-of-our-own", "token_type": "Bearer", "expires_in": 300}


class FaultyServer:
    """All listeners. Every request that carries a token is counted by the origin that got it."""

    def __init__(self, folder: Path) -> None:
        self._sandbox = Sandbox(ResourceStore(json.loads((folder / "resources.json").read_bytes())))
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.tokens_elsewhere = 0
        self.ports = {"http": self._listen("http", None), "elsewhere": self._listen("elsewhere", None)}
        for kind in KINDS:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / f"{kind}.pem")
            self.ports[kind] = self._listen(kind, context)
        # A port that is bound but does not listen refuses, and nobody else can take it.
        self._refusing = socket.socket()
        self._refusing.bind(("127.0.0.1", 0))
        self.ports["refused"] = self._refusing.getsockname()[1]
        # Accepted by the system, never by us.
        self._deaf = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.ports["deaf"] = self._deaf.getsockname()[1]

    def _listen(self, name: str, context: ssl.SSLContext | None) -> int:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=self._accept, args=(name, listener, context), daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, name: str, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=(name, connection, context), daemon=True).start()

    def _serve(self, name: str, plain: socket.socket, context: ssl.SSLContext | None) -> None:
        with suppress(OSError), plain:
            plain.settimeout(30)
            connection = context.wrap_socket(plain, server_side=True) if context else plain
            with connection, connection.makefile("rb") as stream:
                while self._exchange(name, connection, stream):
                    pass

    def _exchange(self, name: str, connection: socket.socket, stream: Any) -> bool:
        """Answer one request; whether the connection stays."""
        if stream.peek(1)[:1] == _TLS_HANDSHAKE:  # where HTTP is expected
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return False
        line = stream.readline(65536).decode("latin-1").split()
        if not line:
            return False
        headers: dict[str, str] = {}
        while header := stream.readline(65536).decode("latin-1").strip():
            key, _, value = header.partition(":")
            headers[key.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))
        method, path = line[0], line[1]
        if name == "elsewhere":
            with self._lock:
                self.tokens_elsewhere += "authorization" in headers or b"client_assertion" in body
        return self._answer(name, connection, method, path, headers)

    def _answer(self, name: str, connection: socket.socket, method: str, path: str, headers: dict[str, str]) -> bool:
        _, fault, scope, run, rest = path.split("/", 4)
        with self._lock:
            self._attempts[f"{run} {rest}"] += 1
            attempt = self._attempts[f"{run} {rest}"]
        scheme = "https" if name in KINDS else "http"
        prefix = f"/{fault}/{scope}/{run}"
        conversation = Conversation(
            connection,
            method,
            rest.removeprefix("fhir").removeprefix("/"),
            f"{scheme}://127.0.0.1:{self.ports[name]}{prefix}/fhir",
            headers,
            attempt,
            self._good_answer,
            f"http://127.0.0.1:{self.ports['elsewhere']}{prefix}/fhir",
        )
        if name == "elsewhere" or (scope == ONE and LIVER_TEST not in rest) or fault not in FAULTS:
            conversation.good()
            return True
        behave = FAULTS[fault].behave
        if behave is None:
            conversation.good()
            return True
        return bool(behave(conversation))

    def _good_answer(self, target: str, base: str) -> tuple[int, Any]:
        if target == "token":
            return 200, _TOKEN
        try:
            return 200, self._sandbox.get(target, base_url=base)
        except FhirError as error:
            return error.status, error.outcome()


def main() -> None:
    """Serve until standard input ends; each line read is a question for the number of tokens seen elsewhere."""
    server = FaultyServer(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(server.ports) + "\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(f"{server.tokens_elsewhere}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
