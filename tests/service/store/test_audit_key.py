"""The audit key comes from the settings, or lies beside the SQLite file for its owner alone."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from service.config import ConfigurationError
from service.store.audit_key import AuditKey, load_audit_key


def test_the_key_of_the_settings_is_used(load_settings: Any, tmp_path: Any) -> None:
    assert load_audit_key(load_settings(LENCDS_AUDIT_KEY="k" * 32)) == AuditKey(b"k" * 32)
    assert not list(tmp_path.glob("*.audit-key"))


def test_a_missing_key_is_created_once_for_all(load_settings: Any, tmp_path: Any) -> None:
    settings = load_settings()
    keys: list[AuditKey] = []
    threads = [threading.Thread(target=lambda: keys.append(load_audit_key(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len({key.secret for key in keys}) == 1
    (file,) = tmp_path.glob("*.audit-key")
    assert file.stat().st_mode & 0o077 == 0


def test_a_created_key_may_be_moved_into_the_settings(load_settings: Any, tmp_path: Any) -> None:
    created = load_audit_key(load_settings())
    text = (tmp_path / "lencds.audit-key").read_text().strip()
    assert load_audit_key(load_settings(LENCDS_AUDIT_KEY=text)) == created


@pytest.mark.parametrize("content", ["", "too short", "\0" * 40])
def test_a_spoilt_key_file_is_refused_not_replaced(load_settings: Any, tmp_path: Any, content: str) -> None:
    (tmp_path / "lencds.audit-key").write_text(content)
    with pytest.raises(ConfigurationError, match="backup"):
        load_audit_key(load_settings())
    assert (tmp_path / "lencds.audit-key").read_text() == content


def test_the_key_is_not_in_its_text_form() -> None:
    assert "k" * 32 not in repr(AuditKey(b"k" * 32))
