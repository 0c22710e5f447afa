"""The secret that turns patient ids into pseudonyms and seals the audit chain."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from service.config import ConfigurationError, Settings, read_audit_key
from service.store.file_lock import FileLock

_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class AuditKey:
    """A key and the things it is used for, which cannot be mistaken for one another."""

    secret: bytes

    def pseudonym(self, client: str, patient_id: str) -> str:
        """Return the keyed hash of a patient id.

        Args:
            client: whose patient it is; the same id at another EHR is another person.
            patient_id: logical id of the Patient.

        Returns:
            64 hexadecimal digits; the same for the same patient on all instances that share the key.
        """
        return self._hash(b"patient", client.encode(), patient_id.encode("utf-8", "surrogatepass"))

    def seal(self, *parts: bytes) -> str:
        """Return the keyed hash that links an audit row to the one before."""
        return self._hash(b"chain", *parts)

    def seal_mark(self, kind: str, chain: str, position: int) -> str:
        """Return the keyed hash of a mark that says where a chain begins or ends."""
        return self._hash(b"mark", kind.encode(), chain.encode(), str(position).encode())

    def seal_feedback(self, content: bytes) -> str:
        """Return the keyed hash of a feedback item that waits in the spool."""
        return self._hash(b"feedback", content)

    def _hash(self, *parts: bytes) -> str:
        code = hmac.new(self.secret, digestmod=hashlib.sha256)
        for part in parts:
            code.update(len(part).to_bytes(8, "big") + part)
        return code.hexdigest()


def load_audit_key(settings: Settings) -> AuditKey:
    """Return the key: from the settings, else from the file beside the SQLite database, which is created if missing.

    Raises:
        ConfigurationError: there is neither, or the file cannot be used.
    """
    if settings.audit_key is not None:
        return AuditKey(settings.audit_key)
    if (database := settings.sqlite_file) is None:
        raise ConfigurationError("LENCDS_AUDIT_KEY is required with this database")
    file = database.with_suffix(".audit-key")
    try:
        with FileLock(database.with_name(database.name + ".lock")):
            return AuditKey(_read_or_create(file))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The audit key {file} cannot be used ({type(error).__name__}). Restore it from a backup, or set"
            " LENCDS_AUDIT_KEY; with a new key, earlier rows of a patient are no longer found."
        ) from error


def _read_or_create(file: Path) -> bytes:
    """Return the text of the file as the key, so that it may be moved into LENCDS_AUDIT_KEY as it stands."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_audit_key(file.read_text(encoding="ascii").strip())
    secret = secrets.token_hex(_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secret + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return secret.encode("ascii")
