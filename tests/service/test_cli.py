"""The command line explains itself, and refuses with exit code 2."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import COMMANDS, lencds, main


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lencds", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LENCDS_DATABASE_URL", f"sqlite:///{tmp_path / 'x.sqlite3'}")
    monkeypatch.setenv("LENCDS_SPOOL_DIR", str(tmp_path / "spool"))


def test_help_lists_the_commands_that_are_there() -> None:
    shown = CliRunner().invoke(lencds, ["--help"]).output
    assert "serve" in shown
    assert COMMANDS["db"] in shown


@pytest.mark.parametrize("command", [["serve"], ["db"], ["db", "upgrade"], ["db", "prune"], ["db", "verify"]])
def test_every_command_has_help(command: list[str]) -> None:
    result = CliRunner().invoke(lencds, [*command, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


@pytest.mark.parametrize("command", [*([name] for name in COMMANDS), ["db", "prune"], ["db", "verify"]])
def test_every_help_teaches_by_example(command: list[str]) -> None:
    shown = CliRunner().invoke(lencds, [*command, "--help"]).output
    assert f"lencds {' '.join(command)}" in shown.partition("Example")[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_learn_to_complete(shell: str) -> None:
    result = CliRunner().invoke(lencds, ["completion", shell])
    assert result.exit_code == 0
    assert "_LENCDS_COMPLETE" in result.output


def test_commands_and_options_are_completed() -> None:
    environ = {"_LENCDS_COMPLETE": "bash_complete", "COMP_WORDS": "lencds re", "COMP_CWORD": "1"}
    assert CliRunner().invoke(lencds, [], prog_name="lencds", env=environ).output.split() == ["plain,report"]


def test_a_command_whose_module_is_missing_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.COMMANDS", {**COMMANDS, "fly": "Fly."})
    assert "Fly." not in CliRunner().invoke(lencds, ["--help"]).output
    assert CliRunner().invoke(lencds, ["fly"]).exit_code == 2


def test_serve_without_clients_says_what_to_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "serve") == 2
    assert "[[client]]" in capsys.readouterr().err


def test_serve_refuses_an_open_door(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LENCDS_AUTH", "off")
    monkeypatch.delenv("LENCDS_BASE_URL", raising=False)
    assert run_main(monkeypatch, "serve", "--host", "0.0.0.0") == 2
    assert "LENCDS_ALLOW_INSECURE" in capsys.readouterr().err


def test_serve_refuses_a_port_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key_host: Any
) -> None:
    monkeypatch.setenv("LENCDS_AUTH", "off")
    monkeypatch.setenv("LENCDS_BASE_URL", "http://127.0.0.1:8080")
    assert run_main(monkeypatch, "serve", "--port", key_host.url.rpartition(":")[2]) == 2
    assert "--port" in capsys.readouterr().err


def test_database_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("upgrade", "upgrade", "prune", "verify"):
        assert run_main(monkeypatch, "db", command) == 0
    assert "intact" in capsys.readouterr().out


def test_database_commands_refuse_a_bad_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LENCDS_DATABSE_URL", "x")
    assert run_main(monkeypatch, "db", "upgrade") == 2
    assert "LENCDS_DATABASE_URL" in capsys.readouterr().err
