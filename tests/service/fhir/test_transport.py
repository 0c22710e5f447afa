"""TLS: who is believed, and that the deadline holds there too."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access, FhirServer
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.transport import Transport

BODY = b'{"resourceType": "Bundle"}'
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)

Certificate: TypeAlias = tuple[Path, Path]
StartTls: TypeAlias = Callable[[Callable[[ssl.SSLSocket], None]], int]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@pytest.fixture
def start_tls(certificate: Certificate) -> Iterator[StartTls]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def start(answer: Callable[[ssl.SSLSocket], None]) -> int:
        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65536)
                    answer(secured)

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def ask(transport: Transport, base: str, ca_file: Path | None, seconds: float = 5.0) -> object:
    access = Access(FhirServer(base, lambda _: True, ca_file=ca_file), "token")
    return FhirClient(transport).get(access, "Observation?patient=p1", "Bundle", Deadline(seconds))


def test_the_configured_authority_is_believed(
    transport: Transport, start_tls: StartTls, certificate: Certificate
) -> None:
    port = start_tls(lambda connection: connection.sendall(ANSWER))
    assert ask(transport, f"https://127.0.0.1:{port}/fhir", certificate[0]) == {"resourceType": "Bundle"}


def test_an_unknown_authority_is_not_believed(transport: Transport, start_tls: StartTls) -> None:
    received: list[bool] = []
    port = start_tls(lambda _: received.append(True))
    assert ask(transport, f"https://127.0.0.1:{port}/fhir", None) is FailureCause.CERTIFICATE_REFUSED
    assert not received


def test_a_certificate_for_another_name_is_not_believed(
    transport: Transport, start_tls: StartTls, certificate: Certificate
) -> None:
    port = start_tls(lambda connection: connection.sendall(ANSWER))
    assert ask(transport, f"https://localhost:{port}/fhir", certificate[0]) is FailureCause.CERTIFICATE_REFUSED


def test_a_dripping_server(transport: Transport, start_tls: StartTls, certificate: Certificate) -> None:
    def drip(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b" ")

    port = start_tls(drip)
    began = time.monotonic()
    assert ask(transport, f"https://127.0.0.1:{port}/fhir", certificate[0], 0.4) is FailureCause.TIMEOUT
    assert time.monotonic() - began < 2


def test_a_handshake_that_never_ends(transport: Transport, certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        base = f"https://127.0.0.1:{listener.getsockname()[1]}/fhir"
        assert ask(transport, base, certificate[0], 0.3) is FailureCause.TIMEOUT
        assert time.monotonic() - began < 1.5


def test_a_missing_authority_file_is_found_at_start(transport: Transport, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        transport.warm_up(tmp_path / "missing.pem")
    transport.warm_up(None)
