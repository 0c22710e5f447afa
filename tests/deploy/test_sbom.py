"""The software bill of materials, made from a lock file and an export that are written here."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.supply_chain.sbom import IncompleteError, completed, installed_licence, runtime

ROOT = Path(__file__).parents[2]
LOCK: dict[str, Any] = {
    "package": [
        {
            "name": "lenalidomide-cds",
            "version": "1",
            "dependencies": [{"name": "token", "extra": ["crypto"]}],
            "optional-dependencies": {"postgresql": [{"name": "driver"}], "dev": [{"name": "linter"}]},
        },
        {"name": "token", "version": "2", "optional-dependencies": {"crypto": [{"name": "cipher"}]}},
        {"name": "cipher", "version": "3"},
        {"name": "driver", "version": "4"},
        {"name": "linter", "version": "5"},
    ]
}


def component(name: str, version: str) -> dict[str, Any]:
    files = [
        {"type": "distribution", "url": "https://example.org/a.whl", "hashes": [{"alg": "SHA-256", "content": "0"}]}
    ]
    return {"name": name, "version": version, "externalReferences": files}


def export(**metadata: str) -> dict[str, Any]:
    components = [component("token", "2"), component("cipher", "3"), component("driver", "4")]
    return {"metadata": {"component": {"name": "lenalidomide-cds"}, **metadata}, "components": components}


def licence(_name: str) -> dict[str, Any]:
    return {"expression": "MIT"}


def test_it_is_the_same_each_time() -> None:
    first = completed({**export(timestamp="1"), "serialNumber": "a"}, LOCK, licence)
    assert first == completed({**export(timestamp="2"), "serialNumber": "b"}, LOCK, licence)
    assert "timestamp" not in first["metadata"]
    assert first["serialNumber"].startswith("urn:uuid:")
    assert all(one["licenses"] == [{"expression": "MIT"}] for one in first["components"])


@pytest.mark.parametrize("number", range(3))
def test_a_locked_dependency_that_is_not_listed_is_noticed(number: int) -> None:
    short = export()
    lost = short["components"].pop(number)
    with pytest.raises(IncompleteError, match=f"{lost['name']} {lost['version']} is locked but not listed"):
        completed(short, LOCK, licence)


def test_a_missing_hash_or_licence_is_noticed() -> None:
    without_hash = copy.deepcopy(export())
    del without_hash["components"][0]["externalReferences"][0]["hashes"]
    with pytest.raises(IncompleteError, match="token has no hash"):
        completed(without_hash, LOCK, licence)
    with pytest.raises(IncompleteError, match="cipher has no licence"):
        completed(export(), LOCK, lambda name: None if name == "cipher" else licence(name))


def test_what_another_platform_needs_has_no_licence_here() -> None:
    bom = export()
    bom["components"][2]["properties"] = [{"name": "uv:package:marker", "value": "sys_platform == 'win32'"}]
    whole = completed(bom, LOCK, lambda name: None if name == "driver" else licence(name))
    assert "licenses" not in whole["components"][2]


def test_the_tools_of_developers_are_no_part_of_it() -> None:
    names = {name for name, _ in runtime(tomllib.loads((ROOT / "uv.lock").read_text("utf-8")))}
    assert {"flask", "cryptography", "psycopg"} <= names
    assert not names & {"pytest", "ruff", "lenalidomide-cds"}


@pytest.mark.parametrize("name", ["flask", "requests", "jinja2"])
def test_packages_state_their_licence_in_one_of_three_ways(name: str) -> None:
    assert installed_licence(name)


def test_a_package_that_is_not_there_has_no_licence() -> None:
    assert installed_licence("surely-not-installed") is None
