"""What the documentation names exists: make targets, commands, options, settings, metrics; and nothing is left out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest

from cds_hooks.knowledge.loader import KNOWLEDGE_FOLDER, load_knowledge
from service.auth.caller import Refusal
from service.auth.clients import BackendServices, Client
from service.cli import COMMANDS, lencds
from service.config import _READERS, Settings
from service.web import observed
from service.web.metrics import PHASES, Metrics
from tests.documentation.pages import PAGES, ROOT, code

CONFIGURATION = "docs/operations/configuration.md"
MONITORING = "docs/operations/monitoring.md"
SETTINGS = {*_READERS, "LENCDS_CONFIG"}
OF_TESTS = {"LENCDS_TEST_HAPI", "LENCDS_SCREENSHOTS"}
"""Variables of the tests, which the service does not know."""
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
CLIENT_KEYS = [key for key in Client.__struct_fields__ if key != "loopback_fhir_servers"]


def commands() -> dict[str, click.Command]:
    """Return every command by what is typed after `lencds`."""
    context = click.Context(lencds)
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = lencds.get_command(context, name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": part for inner, part in command.commands.items()}
    return found


KNOWN = commands()
CALL = re.compile(r"(?:^|[\s/(])lencds ([a-z]+)( [a-z]+)?([^|;>#]*)")


def calls(page: str) -> Iterator[tuple[str, str]]:
    """Yield command and rest of every call of `lencds` in the code of a page."""
    for piece in code(page):
        for first, second, rest in CALL.findall(piece):
            inner = f"{first}{second}"
            yield (inner, rest) if inner in KNOWN else (first, second + rest)


def rows(page: str) -> dict[str, list[str]]:
    """Return the rows of a page's tables by each name in their first cell."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `"):
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), cells[1:])
    return found


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    named = {target for piece in code(page) for target in re.findall(r"(?:^|\s)make ([a-z]+)", piece)}
    assert not named - TARGETS


def test_every_target_is_described() -> None:
    described = {name.removeprefix("make ") for name in rows("docs/command-line.md") if name.startswith("make ")}
    assert set(re.findall(r"^([a-z]+):.*##", MAKEFILE, re.MULTILINE)) - {"help"} <= described


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    for name, rest in calls(page):
        assert name in KNOWN, f"lencds {name}"
        options = {option for parameter in KNOWN[name].params for option in parameter.opts} | {"--help"}
        assert not set(re.findall(r"(?<!\S)--[a-z][a-z-]*", rest)) - options, f"lencds {name}"


@pytest.mark.parametrize("page", PAGES)
def test_settings_exist(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = set(re.findall(r"\bLENCDS_[A-Z_]*[A-Z]\b(?!_?\*)", text))
    assert not named - SETTINGS - OF_TESTS


@pytest.mark.parametrize("name", [name for name, command in KNOWN.items() if not isinstance(command, click.Group)])
def test_every_command_is_described(name: str) -> None:
    assert f"lencds {name}" in rows("docs/command-line.md")


@pytest.mark.parametrize("name", [*sorted(SETTINGS), *CLIENT_KEYS])
def test_every_setting_and_client_key_is_described(name: str) -> None:
    assert len(rows(CONFIGURATION)[name]) == 2


@pytest.mark.parametrize("key", BackendServices.__struct_fields__)
def test_every_key_of_backend_services_is_described(key: str) -> None:
    assert key in rows(CONFIGURATION)["backend_services"][1]


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("LENCDS_RETENTION_DAYS", Settings().retention_days),
        ("LENCDS_DEADLINE_MS", Settings().deadline_ms),
        ("LENCDS_MAX_BODY_BYTES", Settings().max_body_bytes),
        ("LENCDS_LOG_LEVEL", Settings().log_level),
        ("LENCDS_AUTH", Settings().auth),
        ("LENCDS_PRUNE_AT", f"{Settings().prune_at:%H:%M}"),
        ("leeway_s", Client(name="x").leeway_s),
        ("max_lifetime_s", Client(name="x").max_lifetime_s),
        ("fhir_version", Client(name="x").fhir_version),
        ("search_method", Client(name="x").search_method),
        ("profile", Client(name="x").profile),
        ("algorithms", ", ".join(Client(name="x").algorithms)),
    ],
)
def test_defaults_are_true(name: str, default: Any) -> None:
    assert rows(CONFIGURATION)[name][0].replace("`", "").removesuffix(" (UTC)") == str(default)


def test_metrics_are_those_the_service_has() -> None:
    asked_for = set(re.findall(r'"(lencds_\w+)"', inspect.getsource(observed)))
    types = re.findall(
        r"^# TYPE (\w+) (?:counter|gauge|histogram)$", Metrics().exposition.text().decode(), re.MULTILINE
    )
    counted = {name for name in types if not name.endswith("_created")}
    assert {name for name in rows(MONITORING) if name.startswith("lencds_")} == asked_for | counted


def test_no_table_has_two_rows_for_one_metric() -> None:
    named = re.findall(r"^\| `(lencds_\w+)`", (ROOT / MONITORING).read_text("utf-8"), re.MULTILINE)
    assert len(named) == len(set(named))


def test_phases_and_reasons_are_those_the_service_counts() -> None:
    assert rows(MONITORING)["lencds_phase_seconds"][1].split(", ") == list(PHASES)
    rotation = (ROOT / "docs/operations/runbooks/key-rotation.md").read_text("utf-8")
    named = re.findall(r"`([a-z_]+)`", rotation.partition("Alert")[2].partition("\n##")[0])
    reasons = {reason.name.lower() for reason in Refusal}
    assert {name for name in named if not name.startswith("lencds_") and name not in CLIENT_KEYS} - {"kid"} <= reasons
    assert "signature" in named


def test_every_topic_is_described() -> None:
    assert not load_knowledge(KNOWLEDGE_FOLDER).topics.keys() - rows("docs/clinical-content.md").keys()
