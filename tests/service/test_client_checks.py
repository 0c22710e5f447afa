"""What clients ask for must exist, or the service does not start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.chart.chart import make_reader
from cds_hooks.knowledge.loader import load_knowledge
from service.app import create_app
from service.auth.clients import Client, MappedCode
from service.client_checks import check_clients
from service.config import ConfigurationError, Settings

READER = make_reader(load_knowledge())
CODE = MappedCode(code="1")


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"disabled_topics": ("renaldose",)}, "disabled_topics: there is no 'renaldose'; did you mean 'renalDose'"),
        ({"disabled_topics": ("xyzzy",)}, "disabled_topics: there is no 'xyzzy'; there are bleedingRisk, "),
        ({"override_code_map": {"testsOrdered": CODE}}, "override_code_map: there is no 'testsOrdered'; did you mean "),
        (
            {"action_code_map": {"creatinin": CODE}},
            "action_code_map: there is no 'creatinin'; did you mean 'creatinine",
        ),
        ({"prefetch_aliases": {"bloodCount": "LABS"}}, "there is no 'bloodCount'; did you mean 'bloodCounts'"),
        ({"disabled_topics": ("checkIncomplete",)}, "cannot be switched off"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_client_and_what_may_be_meant(members: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_clients([Client(name="good"), Client(name="mercy", **members)], READER)
    assert told in str(caught.value)
    assert "client 'mercy'" in str(caught.value)
    assert "good" not in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    clients = [Client(name=name, disabled_topics=("x",), prefetch_aliases={"y": "z"}) for name in ("a", "b")]
    with pytest.raises(ConfigurationError) as caught:
        check_clients(clients, READER)
    assert str(caught.value).count("there is no") == 4


def test_what_exists_is_accepted_without_a_remark() -> None:
    client = Client(
        name="good",
        disabled_topics=("counselling",),
        override_code_map={"outsideTest": CODE, "testOrdered": MappedCode(code="2")},
        action_code_map={"creatinine": CODE, "aspirin81": CODE},
        prefetch_aliases={"bloodCounts": "LABS", "chemistry": "LABS"},
    )
    assert check_clients([client, client], READER) == []


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"disabled_topics": ("counselling", "renalDose")}, "no cards of renalDose, which can be critical"),
        ({"silent": True}, "is silent"),
        ({"override_code_map": {"outsideTest": CODE, "testOrdered": CODE}}, "same code (1)"),
        ({"profile": "epic"}, "no code of its own for completeBloodCount, creatinine"),
    ],
)
def test_what_an_administrator_should_know(members: Any, told: str) -> None:
    ((name, remark),) = check_clients([Client(name="mercy", **members)], READER)
    assert name == "mercy"
    assert told in remark


def test_the_service_does_not_start(tmp_path: Path) -> None:
    settings = Settings(
        auth="off",
        database_url=f"sqlite:///{tmp_path / 'x.sqlite3'}",
        spool_dir=tmp_path / "spool",
        clients=(Client(name="local", disabled_topics=("renalDoze",)),),
    )
    with pytest.raises(ConfigurationError, match="did you mean 'renalDose'"):
        create_app(settings)
    assert not (tmp_path / "x.sqlite3").exists()


def test_remarks_are_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(
        auth="off",
        database_url=f"sqlite:///{tmp_path / 'x.sqlite3'}",
        spool_dir=tmp_path / "spool",
        clients=(Client(name="local", silent=True),),
    )
    create_app(settings).extensions["lencds"].close()
    (line,) = (json.loads(line) for line in capsys.readouterr().err.splitlines() if "is silent" in line)
    assert (line["client"], line["level"]) == ("local", "warning")
