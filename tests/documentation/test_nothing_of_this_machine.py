"""No file names a folder of the machine it was written on, no page a host that only its network knows."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from service.addresses import is_loopback
from tests.documentation.pages import PAGES, ROOT

FOLDERS = ("benchmarks", "cds_hooks", "deploy", "docs", "service", "tests")
NOT_TEXT = {".png", ".gz", ".pyc", ".sqlite3", ".ico", ".woff2"}
LEGITIMATE = {
    "deploy/compose.hapi.yaml": ("/tmp/",),
    "tests/cds_hooks/knowledge/test_analytes.py": ("/work/", "/tmp/", "/home/"),
}
"""File → folders it may name: those of a container, and those a test looks for."""
FOLDER = re.compile(r"(?<![\w.)}*-])/(?:work|tmp|home|root|Users)/")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_of_a_machine_is_named(folder: str) -> None:
    named = {}
    for file in (ROOT / folder).rglob("*"):
        if not file.is_file() or file.suffix in NOT_TEXT or file == Path(__file__).resolve():
            continue
        name = file.relative_to(ROOT).as_posix()
        if found := set(FOLDER.findall(file.read_text("utf-8"))) - set(LEGITIMATE.get(name, ())):
            named[name] = found
    assert not named


def test_nor_in_the_files_at_the_top() -> None:
    for file in ROOT.iterdir():
        if file.is_file() and file.suffix in {".md", ".toml", ".yml"} | {""} and not file.name.startswith("."):
            assert not FOLDER.search(file.read_text("utf-8")), file.name


@pytest.mark.parametrize("page", PAGES)
def test_hosts_are_public_or_made_up(page: str) -> None:
    for host in re.findall(r"https?://([^\s/:)`\"'<>?#]+)", (ROOT / page).read_text("utf-8")):
        if is_loopback(host) or host == "YOUR-ADDRESS":
            continue
        with pytest.raises(ValueError, match="IPv4"):
            ip_address(host)
        assert re.fullmatch(r"[a-z0-9.-]+\.(?:org|com|gov|net|eu)", host), host
        assert not re.search(r"pypi|proxy|mirror|registry|packages|npmjs", host), host
