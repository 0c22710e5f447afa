"""The console: its pages, what they tell and what they do not, over applications with a real store."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import sqlalchemy
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from cds_hooks.protocol.conformance import duties
from service.app import create_app
from service.auth.keys import KeySet
from service.clinical import Clinical
from service.config import Settings
from service.reports.numbers import numbers
from service.web.console.clients import settings_view
from service.web.console.export import neutral
from service.web.pages.rendering import CONTENT_SECURITY_POLICY
from service.wiring import Services
from tests import planted
from tests.service.web.console_calls import COMMENT, FORMULA, NOW, SERVICE, identifier, plant_calls

KID = "planted-kid-of-our-key"
QUERY = "planted-query-of-an-address"
MOST_OF_A_KIND = 4
PAGES = (
    *("", "calls/", "knowledge/", "knowledge/figures", "knowledge/codes/", "knowledge/cases", "knowledge/documents"),
    *("coverage", "conformance", "prefetch", "clients", "login"),
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, rsa_signer: Any) -> Settings:
    folder: Path = tmp_path_factory.mktemp("console")
    pem = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "planted-private-key.pem").write_bytes(pem)
    jwks = json.dumps({"keys": [rsa_signer.jwk()]}).replace(":", " =")
    KeySet.read({"keys": [rsa_signer.jwk()]})
    (folder / "clients.toml").write_text(
        f"""
[[client]]
name = "st-elsewhere"
profile = "epic"
issuer = "https://ehr.example.org/fhir"
jwks = {jwks}
fhir_servers = ["https://ehr.example.org/fhir"]
prefetch_aliases = {{ bloodCounts = "LAB-RESULTS" }}
action_code_map = {{ pregnancyTest = "LAB143" }}
disabled_topics = ["counselling"]
[client.backend_services]
client_id = "our-client-id"
token_url = "https://ehr.example.org/token?secret={QUERY}"
key_file = "{folder}/planted-private-key.pem"
kid = "{KID}"

[[client]]
name = "mercy"
issuer = "https://mercy.example.org"
jwks = {jwks}
silent = true
"""
    )
    return Settings.load(
        {
            "LENCDS_BASE_URL": "https://cds.example.org/base",
            "LENCDS_CONFIG": str(folder / "clients.toml"),
            "LENCDS_DATABASE_URL": f"sqlite:///{folder / 'lencds.sqlite3'}",
            "LENCDS_SPOOL_DIR": str(folder / "spool"),
            "LENCDS_ADMIN_TOKEN": planted.ADMIN_TOKEN,
            "LENCDS_METRICS_TOKEN": planted.METRICS_TOKEN,
            "LENCDS_AUDIT_KEY": planted.AUDIT_KEY,
        }
    )


@pytest.fixture(scope="module")
def app(settings: Settings, clinical: Clinical) -> Iterator[Flask]:
    app = create_app(settings, clock=lambda: NOW, clinical=clinical)
    services: Services = app.extensions["lencds"]
    plant_calls(services)
    yield app
    services.close()


@pytest.fixture
def web(app: Flask) -> FlaskClient:
    """A client on the machine itself."""
    return app.test_client()


def text_of(response: TestResponse) -> str:
    assert response.status_code == 200, response.text[:300]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text)))


@pytest.fixture(scope="module")
def crawled(app: Flask) -> dict[str, TestResponse]:
    """Everything that links lead to from the overview: of each kind of page a few."""
    web, kinds = app.test_client(), Counter[str]()
    found: dict[str, TestResponse] = {}
    ahead = ["/console/"]
    while ahead:
        address = ahead.pop()
        if address in found:
            continue
        path = urlsplit(address).path
        endpoint, _ = app.url_map.bind("localhost").match(path)
        if (kinds[endpoint] > MOST_OF_A_KIND and endpoint != "console.topic") or path.startswith("/cds-services"):
            continue
        kinds[endpoint] += 1
        found[address] = web.get(address)
        if found[address].mimetype == "text/html":
            for link in re.findall(r'(?:href|src|action)="([^"#][^"]*)"', found[address].text):
                target = urlsplit(urljoin(f"http://localhost{address}", unescape(link)))
                if target.netloc == "localhost" and not path.startswith("/assets") and "logout" not in target.path:
                    ahead.append(target.path + (f"?{target.query}" if target.query else ""))
    return found


def test_every_link_leads_somewhere(crawled: dict[str, TestResponse], clinical: Clinical) -> None:
    assert not {address: page.status_code for address, page in crawled.items() if page.status_code != 200}
    assert {f"/console/{page}" for page in PAGES if page != "login"} <= {
        address.partition("?")[0] for address in crawled
    }
    topics = {address.rpartition("/")[2] for address in crawled if "/knowledge/topics/" in address}
    assert topics == set(clinical.order_check.reader.knowledge.topics)


def test_pages_link_relatively_so_that_a_proxy_may_show_them_anywhere(crawled: dict[str, TestResponse]) -> None:
    for page in crawled.values():
        if page.mimetype == "text/html":
            assert not re.findall(r'(?:href|src|action)="/', page.text)


def test_links_to_elsewhere_take_nothing_along(crawled: dict[str, TestResponse]) -> None:
    links = {link for page in crawled.values() for link in re.findall(r'<a href="https?:[^>]+>', page.text)}
    assert links
    assert not [link for link in links if 'rel="noopener noreferrer"' not in link]


def test_pages_run_no_foreign_code_and_are_not_kept(crawled: dict[str, TestResponse], web: FlaskClient) -> None:
    for address, page in crawled.items():
        if page.mimetype == "text/html":
            assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
            assert "<script" not in page.text
        if address.startswith("/console"):
            assert page.headers["Cache-Control"] == "no-store"
    answer = web.get("/console/", headers={"Origin": "http://localhost"})
    assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118


def test_nothing_points_to_a_patient_or_holds_a_secret(
    crawled: dict[str, TestResponse], app: Flask, rsa_signer: Any
) -> None:
    services: Services = app.extensions["lencds"]
    hidden = [
        *planted.VALUES,
        *(services.audit.pseudonym(client, planted.PATIENT_ID) for client in ("st-elsewhere", "mercy")),
        *(COMMENT, KID, QUERY, "planted-private-key", rsa_signer.jwk()["n"]),
    ]
    assert not [(address, value) for address, page in crawled.items() for value in hidden if value in page.text]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_heading_and_a_title(web: FlaskClient, page: str) -> None:
    text = web.get(f"/console/{page}").text
    assert len(re.findall("<h1", text)) == 1
    assert "· Console · lenalidomide-cds</title>" in text


def test_the_address_without_slash_leads_to_the_console(web: FlaskClient) -> None:
    answer = web.get("/console")
    assert (answer.status_code, answer.headers["Location"]) == (308, "console/")


@pytest.mark.parametrize(
    "page",
    ["nothing", "calls/nothing", "knowledge/topics/nothing", "knowledge/codes/nothing", "export/patients.csv", "a/b/c"],
)
def test_what_is_not_there_is_told_as_a_page(web: FlaskClient, page: str) -> None:
    answer = web.get(f"/console/{page}")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Nothing here" in answer.text


# --- Overview ---------------------------------------------------------------------------------------------------------


def test_the_overview_counts_a_month_of_all_clients(web: FlaskClient) -> None:
    text = text_of(web.get("/console/"))
    assert "2026-02-01 to today" in text
    assert "Calls 60 " in text
    assert "Neutropenia 40 40 " in text
    assert "Within a clinical trial" in text
    assert "no answer arrived in the time available: 8" in text


def test_period_and_client_can_be_chosen(web: FlaskClient) -> None:
    text = text_of(web.get("/console/?days=7&client=mercy"))
    assert "2026-02-24 to today" in text
    assert ", client mercy" in text
    assert "Calls 5 " in text


@pytest.mark.parametrize("query", ["days=8", "days=x", "days=-1", "days=99999999999999999999"])
def test_a_length_that_is_not_offered_counts_as_the_usual_one(web: FlaskClient, query: str) -> None:
    assert "2026-02-01 to today" in text_of(web.get(f"/console/?{query}"))


def test_a_client_without_calls_has_no_charts(web: FlaskClient) -> None:
    page = web.get("/console/?client=nobody")
    assert "No call of this period" in page.text
    assert 'class="chart"' not in page.text


def test_every_chart_has_its_table(web: FlaskClient) -> None:
    page = web.get("/console/").text
    assert page.count('class="chart"') == page.count("The numbers as a table") == 5
    assert "style=" not in page


# --- Calls ------------------------------------------------------------------------------------------------------------


def test_calls_are_shown_page_by_page(web: FlaskClient) -> None:
    first = web.get("/console/calls/").text
    older = re.search(r'<a class="button" href="([^"]+)">Older</a>', first)
    assert older is not None
    second = web.get(urljoin("/console/calls/", unescape(older[1]))).text
    ids = [re.findall(r'<th scope="row"><a href="([0-9a-f-]{36})"', page) for page in (first, second)]
    assert ids[0] + ids[1] == [identifier(f"call {number}") for number in range(60)]
    assert ">Older</a>" not in second
    assert ">Latest</a>" in second


@pytest.mark.parametrize(("query", "calls"), [
    ("client=mercy", 12), ("outcome=no-cards", 17), ("topic=checkIncomplete", 8), ("client=mercy&topic=neutropenia", 8),
    ("client=nobody", 0), ("before=nonsense&client=mercy", 12), ("before=2026-03-02,x&client=mercy", 12),
])  # fmt: skip
def test_calls_can_be_chosen(web: FlaskClient, query: str, calls: int) -> None:
    page = web.get(f"/console/calls/?{query}")
    assert page.status_code == 200
    assert len(re.findall(r'<th scope="row"><a href="[0-9a-f-]{36}"', page.text)) == calls


def test_a_call_tells_what_every_rule_answered(web: FlaskClient) -> None:
    text = text_of(web.get(f"/console/calls/{identifier('call 1')}"))
    assert "Call of 2026-03-02 06:00:00 UTC" in text
    assert "overridden: Within a clinical trial" in text
    assert "Neutropenia found something, wording hold" in text
    assert "looked for and not found in: procedures" in text
    assert "could not be looked up: creatinine and liver tests" in text
    assert "Liver injury failed ( ZeroDivisionError )" in text
    assert "blood counts fetched" in text
    assert "(in use now)" in text


# --- Knowledge and reference ------------------------------------------------------------------------------------------


def test_a_topic_tells_rule_wording_suggestions_figures_and_cases(web: FlaskClient, clinical: Clinical) -> None:
    knowledge = clinical.order_check.reader.knowledge
    text = text_of(web.get("/console/knowledge/topics/neutropenia"))
    assert "the label recommends holding lenalidomide" in text
    assert "Order complete blood count with differential" in text
    assert str(knowledge.figures["countOldDays"]) in text
    assert knowledge.documents[knowledge.topics["neutropenia"].guidance.document].url in web.get(
        "/console/knowledge/topics/neutropenia"
    ).text.replace("&amp;", "&")
    assert re.search(r"\d+ clinical cases expect it", text)


def test_only_what_waits_for_a_check_can_be_listed(web: FlaskClient, clinical: Clinical) -> None:
    unverified = sum(row.verified is False for row in numbers(clinical.order_check.reader.knowledge))
    every, waiting = (web.get(f"/console/knowledge/figures{query}").text for query in ("", "?show=unverified"))
    assert waiting.count(">unverified</span>") == every.count(">unverified</span>") == unverified
    assert ">verified</span>" not in waiting
    assert ">verified</span>" in every


def test_a_drug_lists_its_codes(web: FlaskClient) -> None:
    text = text_of(web.get("/console/knowledge/codes/lenalidomide"))
    assert "RxNorm 342369 lenalidomide" in text


def test_conformance_names_the_tests_of_every_row(web: FlaskClient) -> None:
    page = web.get("/console/conformance").text
    assert all(f'<th scope="row">{row.id}</th>' in page for area in duties() for row in area.rows)
    assert "test_discovery.py::" in page
    assert "not recorded" not in page


def test_the_coverage_of_the_label_has_every_statement(web: FlaskClient, clinical: Clinical) -> None:
    page = web.get("/console/coverage").text
    assert all(f'<th scope="row">{key}</th>' in page for key in clinical.order_check.reader.knowledge.statements)
    assert "nothing answers for it" not in page


def test_the_prefetch_sheet_knows_the_keys_of_the_clients(web: FlaskClient, clinical: Clinical) -> None:
    text = text_of(web.get("/console/prefetch"))
    assert all(need.template() in text for need in clinical.order_check.reader.needs.values())
    assert "st-elsewhere sends it as LAB-RESULTS" in text
    assert f"https://cds.example.org/base/cds-services/{SERVICE}" in text


# --- Clients ----------------------------------------------------------------------------------------------------------


def test_clients_are_shown_without_their_secrets(web: FlaskClient) -> None:
    text = text_of(web.get("/console/clients"))
    assert (
        "client id our-client-id, token from https://ehr.example.org/token, scope system/*.rs, private key set" in text
    )
    assert "Public keys written into the configuration" in text
    assert "pregnancyTest → LAB143" in text
    assert "LENCDS_ADMIN_TOKEN set" in text
    assert "Breaker of its FHIR servers closed" in text
    assert "State of its keys good" in text
    assert "none returned (silent)" in text


def test_the_password_of_the_database_is_not_shown() -> None:
    url = "postgresql+psycopg://me:planted-password@db.example.org:5433/lencds?sslpassword=planted-too"
    shown = dict(settings_view(Settings(database_url=url)))["LENCDS_DATABASE_URL"]
    assert shown == "PostgreSQL, lencds on db.example.org:5433"


# --- Export -----------------------------------------------------------------------------------------------------------


def exported(web: FlaskClient, table: str, query: str = "") -> list[dict[str, str]]:
    answer = web.get(f"/console/export/{table}.csv{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert f'attachment; filename="lencds-{table}-2026-03-02-' in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_calls_are_exported(web: FlaskClient) -> None:
    rows = exported(web, "calls")
    assert len(rows) == 60
    assert rows[-1]["id"] == identifier("call 0")
    assert rows[-2]["topics"] == "neutropenia: critical; counselling: info"
    assert rows[-2]["tenant"] == f"'{FORMULA}"
    assert rows[-1]["total_ms"] == "10.0"
    assert {row["client"] for row in exported(web, "calls", "?client=mercy")} == {"mercy"}
    assert len(exported(web, "calls", "?days=7")) == 27


def test_cards_are_exported(web: FlaskClient) -> None:
    rows = exported(web, "cards")
    assert Counter(row["topic"] for row in rows) == {"neutropenia": 40, "counselling": 40, "checkIncomplete": 8}
    assert rows[0].keys() == {"time", "uuid", "call", "client", "service_id", "topic", "indicator"}


def test_overrides_are_exported_without_what_was_written(web: FlaskClient) -> None:
    rows = exported(web, "overrides")
    assert rows
    assert {row["outcome"] for row in rows} == {"overridden"}
    assert {row["reason"] for row in rows} == {"trialProtocol"}
    assert not [row for row in rows if COMMENT in row.values()]


@given(st.text(min_size=1))
def test_no_text_is_a_formula(text: str) -> None:
    shown = neutral(text)
    assert not shown.lstrip().startswith(("=", "+", "-", "@"))
    assert shown.endswith(text)


@pytest.mark.parametrize("value", [-1, 1.5, None, True])
def test_numbers_stay_numbers(value: Any) -> None:
    assert neutral(value) == value


# --- Both databases ---------------------------------------------------------------------------------------------------


def test_both_databases_fill_the_pages(store_settings: Settings, clinical: Clinical) -> None:
    app = create_app(store_settings, clock=lambda: NOW, clinical=clinical)
    services: Services = app.extensions["lencds"]
    try:
        plant_calls(services, 8)
        web = app.test_client()
        assert "Calls 8 " in text_of(web.get("/console/"))
        assert "Neutropenia" in text_of(web.get("/console/calls/?topic=neutropenia&client=st-elsewhere"))
        assert "wording hold" in text_of(web.get(f"/console/calls/{identifier('call 1')}"))
        assert len(exported(web, "calls")) == 8
        assert exported(web, "calls")[-2]["topics"] == "neutropenia: critical; counselling: info"
        assert len(exported(web, "cards")) == 11
        assert len(exported(web, "overrides")) == 2
    finally:
        services.close()


# --- The database is away ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "calls/", "calls/x", "export/calls.csv"])
def test_without_database_a_page_says_so(
    page: str, settings: Settings, clinical: Clinical, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = Settings.load(
        {
            "LENCDS_AUTH": "off",
            "LENCDS_DATABASE_URL": f"sqlite:///{tmp_path / 'away.sqlite3'}",
            "LENCDS_SPOOL_DIR": str(tmp_path / "spool"),
        }
    )
    app = create_app(away, clock=lambda: NOW, clinical=clinical)
    services: Services = app.extensions["lencds"]
    try:
        with services.database.engine.begin() as connection:
            for table in ("feedback", "card", "audit"):
                connection.execute(sqlalchemy.text(f"DROP TABLE {table}"))
        answer = app.test_client().get(f"/console/{page}")
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert "The database does not answer" in answer.text
        assert "audit" not in answer.text
    finally:
        services.close()
