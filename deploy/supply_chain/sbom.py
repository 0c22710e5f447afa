"""The software bill of materials (CycloneDX): every locked runtime dependency with its hashes and its licence.

`uv export` knows versions, hashes and who needs whom, but no licences, and it stamps the time on what it writes. This
adds the licences, takes out what differs from run to run, and refuses to write a list that lacks something. It runs in
an environment into which the same dependencies are installed; `make sbom` does all of that.
"""

from __future__ import annotations

import json
import sys
import tomllib
import uuid
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

PROJECT = "lenalidomide-cds"
EXTRAS = ("postgresql",)
"""What a production installation has besides the plain dependencies; `make sbom` exports the same."""

_LONGEST_NAME = 60


class IncompleteError(Exception):
    """The list lacks something; the message says what."""


def completed(
    bom: Mapping[str, Any], lock: Mapping[str, Any], licence_of: Callable[[str], Mapping[str, Any] | None]
) -> dict[str, Any]:
    """Return the bill of materials with licences; the same for the same lock file.

    Args:
        bom: what `uv export --format cyclonedx1.5` wrote.
        lock: content of `uv.lock`.
        licence_of: CycloneDX licence choice of an installed package; None when it is not installed here.

    Raises:
        IncompleteError: a locked runtime dependency is missing, or one has no hash or no licence.
    """
    components = [dict(component) for component in bom["components"]]
    listed = {(component["name"], component["version"]) for component in components}
    problems = [f"{name} {version} is locked but not listed" for name, version in sorted(runtime(lock) - listed)]
    for component in components:
        files = component.get("externalReferences", ())
        if not any(file.get("hashes") for file in files):
            problems.append(f"{component['name']} has no hash")
        if (licence := licence_of(component["name"])) is not None:
            component["licenses"] = [licence]
        elif not any(one["name"] == "uv:package:marker" for one in component.get("properties", ())):
            problems.append(f"{component['name']} has no licence")
    if problems:
        raise IncompleteError("; ".join(problems))
    about = {key: value for key, value in bom["metadata"].items() if key != "timestamp"}
    about["component"] = {**about["component"], "type": "application", "licenses": [{"expression": "Apache-2.0"}]}
    whole = {**bom, "metadata": about, "components": components}
    whole.pop("serialNumber", None)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(whole, sort_keys=True))
    return {**whole, "serialNumber": f"urn:uuid:{serial}"}


def runtime(lock: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return name and version of all that a production installation may need, on any platform."""
    packages: dict[str, list[Mapping[str, Any]]] = {}
    for package in lock["package"]:
        packages.setdefault(package["name"], []).append(package)
    wanted = [(PROJECT, ""), *((PROJECT, extra) for extra in EXTRAS)]
    seen: set[tuple[str, str]] = set()
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for package in packages[name]:
            needed = (
                package.get("optional-dependencies", {}).get(extra, ()) if extra else package.get("dependencies", ())
            )
            for one in needed:
                wanted += [(one["name"], ""), *((one["name"], its_extra) for its_extra in one.get("extra", ()))]
    names = {name for name, _ in seen} - {PROJECT}
    return {(package["name"], package["version"]) for name in names for package in packages[name]}


def installed_licence(name: str) -> Mapping[str, Any] | None:
    """Return the licence a package states: its SPDX expression, else the name it gives; None if there is none."""
    try:
        stated = metadata(name)
    except PackageNotFoundError:
        return None
    if expression := stated.get("License-Expression"):
        return {"expression": expression}
    classifiers = [
        line.rpartition(" :: ")[2] for line in stated.get_all("Classifier", []) if line.startswith("License ::")
    ]
    text = (stated.get("License") or "").strip()
    named = text if text and len(text) <= _LONGEST_NAME else " or ".join(classifiers)
    return {"license": {"name": named}} if named else None


def _with_short_addresses(bom: dict[str, Any]) -> dict[str, Any]:
    """Return a copy to validate: the grammar of addresses takes minutes for the thousand long ones of the wheels."""
    return {**bom, "components": [_with_short_address(component) for component in bom["components"]]}


def _with_short_address(component: dict[str, Any]) -> dict[str, Any]:
    files = component["externalReferences"]
    return {**component, "externalReferences": [{**file, "url": f"f{number}"} for number, file in enumerate(files)]}


def main() -> None:
    """Read what `uv export` wrote from standard input, and write the list to the file that is named."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415  only there where the list is made
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    lock = tomllib.loads(Path("uv.lock").read_text("utf-8"))
    try:
        bom = completed(json.load(sys.stdin), lock, installed_licence)
    except IncompleteError as error:
        sys.exit(f"The software bill of materials is not complete: {error}.")
    text = json.dumps(bom, indent=2, sort_keys=True) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(_with_short_addresses(bom))):
        sys.exit(f"This is not valid CycloneDX 1.5: {fault}")
    Path(sys.argv[1]).write_text(text, "utf-8")
    print(f"{len(bom['components'])} components written to {sys.argv[1]}")  # noqa: T201  a command


if __name__ == "__main__":
    main()
