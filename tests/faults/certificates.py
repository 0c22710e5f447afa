"""Certificates made at test time: one that is good, and the ways in which one can be bad."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AUTHORITY = "authority.pem"
KINDS = ("good", "self-signed", "wrong-host", "expired")


def make_certificates(folder: Path) -> None:
    """Write `authority.pem`, and for each kind a file with private key and certificate (`good.pem`, …)."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("test authority", authority_key, None, authority_key)
    (folder / AUTHORITY).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for kind in KINDS:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = None if kind == "self-signed" else authority
        signer = key if kind == "self-signed" else authority_key
        host = "192.0.2.1" if kind == "wrong-host" else "127.0.0.1"
        certificate = _certificate(kind, key, issuer, signer, host=host, expired=kind == "expired")
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{kind}.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    signer: ec.EllipticCurvePrivateKey,
    *,
    host: str = "",
    expired: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    # The certificate is judged by the clock of the machine, so it must fit that one.
    ends = datetime.now(UTC) + timedelta(days=-1 if expired else 2)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=4))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=not host, path_length=None), critical=True)
    )
    if host:
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(signer, hashes.SHA256())
