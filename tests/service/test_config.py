"""What does not belong is refused, with a message that says what to write."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any

import pytest

from service.config import ConfigurationError, Settings

CLIENT = """
[[client]]
name = "st-elsewhere"
issuer = "https://ehr.example.org/fhir"
jwks_url = "https://ehr.example.org/jwks"
"""


def refusal(environ: dict[str, str], **options: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        Settings.load(environ, **options)
    return str(error.value)


def load_with_clients(tmp_path: Path, toml: str, **environ: str) -> Settings:
    file = tmp_path / "clients.toml"
    file.write_text(toml)
    return Settings.load({"LENCDS_BASE_URL": "https://cds.example.org", "LENCDS_CONFIG": str(file), **environ})


def refusal_of_clients(tmp_path: Path, toml: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        load_with_clients(tmp_path, toml)
    return str(error.value)


def test_defaults() -> None:
    settings = Settings.load({"LENCDS_AUTH": "off"})
    assert settings.deadline_ms == 450
    assert settings.max_body_bytes == 10 * 1024 * 1024
    assert settings.cors_origins == ()
    assert settings.uses_sqlite
    assert settings.sqlite_file is not None


def test_required_authentication_without_clients_prints_an_example() -> None:
    message = refusal({"LENCDS_BASE_URL": "https://cds.example.org"})
    assert "[[client]]" in message
    assert "LENCDS_AUTH=off" in message


def test_the_example_is_a_configuration_that_starts(tmp_path: Path) -> None:
    message = refusal({"LENCDS_BASE_URL": "https://cds.example.org"})
    example = message[message.index("[[client]]") : message.index("and name it")]
    assert load_with_clients(tmp_path, example).clients[0].name == "st-elsewhere"


def test_a_client_named_local_does_not_satisfy_required_authentication(tmp_path: Path) -> None:
    assert "no client may call" in refusal_of_clients(tmp_path, '[[client]]\nname = "local"\n')


def test_base_url_is_needed_to_check_tokens(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"
    file.write_text(CLIENT)
    assert "LENCDS_BASE_URL is missing" in refusal({"LENCDS_CONFIG": str(file)})


def test_commands_that_do_not_serve_need_neither_clients_nor_base_url() -> None:
    assert Settings.load({}, serving=False).auth == "required"


def test_unknown_variable_is_refused_and_the_near_one_named() -> None:
    message = refusal({"LENCDS_AUTH": "off", "LENCDS_DATABSE_URL": "x"})
    assert message == "LENCDS_DATABSE_URL is not a setting; did you mean LENCDS_DATABASE_URL?"


def test_what_kubernetes_injects_is_ignored() -> None:
    Settings.load({"LENCDS_AUTH": "off", "LENCDS_SERVICE_HOST": "10.0.0.1", "LENCDS_PORT_8080_TCP": "tcp://x"})


def test_empty_variables_count_as_missing() -> None:
    assert Settings.load({"LENCDS_AUTH": "off", "LENCDS_BASE_URL": ""}).base_url == "http://127.0.0.1:8080"


def test_everything_wrong_is_said_at_once() -> None:
    message = refusal({"LENCDS_AUTH": "maybe", "LENCDS_DEADLINE_MS": "fast", "LENCDS_BASE_URL": "http://cds.example"})
    assert len(message.splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LENCDS_DEADLINE_MS", "-1"),
        ("LENCDS_DEADLINE_MS", "1e3"),
        ("LENCDS_MAX_BODY_BYTES", "0"),
        ("LENCDS_ALLOW_INSECURE", "yes"),
        ("LENCDS_BASE_URL", "http://cds.example.org"),
        ("LENCDS_BASE_URL", "https://cds.example.org/?a=b"),
        ("LENCDS_DATABASE_URL", "mysql://x/y"),
        ("LENCDS_DATABASE_URL", "nonsense"),
        ("LENCDS_DATABASE_URL", "sqlite://"),
        ("LENCDS_CORS_ORIGINS", "https://ehr.example.org/path"),
        ("LENCDS_CORS_ORIGINS", "*, https://ehr.example.org"),
        ("LENCDS_TRUSTED_PROXIES", "the-proxy"),
        ("LENCDS_LOG_LEVEL", "loud"),
        ("LENCDS_KNOWLEDGE", "/no/such/folder"),
        ("LENCDS_CONFIG", "/no/such/file"),
    ],
)
def test_unusable_values_are_refused_by_name(name: str, value: str) -> None:
    assert name in refusal({"LENCDS_AUTH": "off", name: value})


@pytest.mark.parametrize("name", ["LENCDS_AUDIT_KEY", "LENCDS_ADMIN_TOKEN", "LENCDS_METRICS_TOKEN"])
def test_short_secrets_are_refused_without_being_quoted(name: str) -> None:
    message = refusal({"LENCDS_AUTH": "off", name: "hunter2"})
    assert name in message
    assert "hunter2" not in message


def test_secrets_are_not_in_the_text_form() -> None:
    settings = Settings.load(
        {
            "LENCDS_AUTH": "off",
            "LENCDS_DATABASE_URL": "postgresql://lencds:secret-1@db.example.org/lencds",
            "LENCDS_AUDIT_KEY": "secret-2" * 8,
            "LENCDS_ADMIN_TOKEN": "secret-3" * 8,
            "LENCDS_METRICS_TOKEN": "secret-4" * 8,
        }
    )
    assert "secret" not in repr(settings)
    assert settings.database_url == "postgresql+psycopg://lencds:secret-1@db.example.org/lencds"


def test_postgresql_needs_an_audit_key() -> None:
    assert "LENCDS_AUDIT_KEY" in refusal({"LENCDS_AUTH": "off", "LENCDS_DATABASE_URL": "postgresql://db/lencds"})


def test_base_url_is_canonical() -> None:
    settings = Settings.load({"LENCDS_AUTH": "off", "LENCDS_BASE_URL": "https://CDS.example.org:443/base/"})
    assert settings.base_url == "https://cds.example.org/base"


def test_plain_http_base_url_only_in_a_network_declared_closed() -> None:
    environ = {"LENCDS_AUTH": "off", "LENCDS_BASE_URL": "http://cds.internal:8080"}
    assert "https" in refusal(environ)
    assert Settings.load({**environ, "LENCDS_ALLOW_INSECURE": "1"}).base_url == "http://cds.internal:8080"


def test_authentication_off_binds_to_this_machine_only() -> None:
    settings = Settings.load({"LENCDS_AUTH": "off"})
    for host in ("127.0.0.1", "localhost", "::1"):
        settings.check_bind(host)
    for host in ("0.0.0.0", "::", "192.0.2.1", "cds.example.org"):
        with pytest.raises(ConfigurationError, match="LENCDS_ALLOW_INSECURE=1"):
            settings.check_bind(host)
    Settings.load({"LENCDS_AUTH": "off", "LENCDS_ALLOW_INSECURE": "1"}).check_bind("0.0.0.0")


def test_required_authentication_binds_anywhere(tmp_path: Path) -> None:
    load_with_clients(tmp_path, CLIENT).check_bind("0.0.0.0")


def test_clients_are_read(tmp_path: Path) -> None:
    client = load_with_clients(
        tmp_path,
        CLIENT
        + """
        profile = "epic"
        audience = "https://cds.example.org/cds-services/lenalidomide-order-sign"
        fhir_servers = ["https://ehr.example.org/fhir"]
        tenants = ["a"]
        prefetch_aliases = { bloodCounts = "LAB-RESULTS" }
        override_code_map = { benefit = "45", other = { code = "46", system = "urn:x" } }
        ca_file = ""
        silent = true
        """,
    ).clients[0]
    assert client.profile == "epic"
    assert client.audience == ("https://cds.example.org/cds-services/lenalidomide-order-sign",)
    assert client.algorithms == ("RS384", "ES384")
    assert client.override_code_map["benefit"].code == "45"
    assert client.override_code_map["other"].system == "urn:x"
    assert client.fhir_server("https://ehr.example.org/fhir/R4") is not None
    assert client.fhir_server("http://127.0.0.1/fhir") is None
    assert client.silent


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (CLIENT + 'tenant = ["a"]', "unknown key 'tenant'; did you mean 'tenants'?"),
        (CLIENT + "loopback_fhir_servers = true", "unknown key 'loopback_fhir_servers'"),
        (CLIENT + 'leeway_s = "30"', "leeway_s"),
        (CLIENT + "leeway_s = 100000", "leeway_s"),
        (CLIENT + 'profile = "cerner"', "profile"),
        (CLIENT + 'algorithms = ["none"]', "algorithm none is never accepted"),
        (CLIENT + 'algorithms = ["RS384", "HS384"]', "algorithm HS384 is never accepted"),
        (CLIENT + 'algorithms = ["RS3840"]', "algorithm RS3840 is unknown"),
        (CLIENT + "algorithms = []", "algorithms is empty"),
        (CLIENT + 'jku_allow = ["https://ehr.example.org/keys"]', "exactly one of jwks_url, jku_allow, jwks"),
        (CLIENT + 'fhir_servers = ["http://ehr.example.org/fhir"]', "fhir_servers"),
        (CLIENT + 'fhir_servers = ["https://ehr.example.org/fhir?a=b"]', "without a query"),
        (CLIENT + 'ca_file = "/no/such/file"', "ca_file /no/such/file does not exist"),
        (CLIENT + "[client.backend_services]\nclient_id = 'x'\nsecret = 'y'", "backend_services"),
        (CLIENT.replace("jwks_url", "jwks_uri"), "did you mean 'jwks_url'?"),
        (CLIENT.replace("issuer", "# issuer"), "has no issuer"),
        (CLIENT.replace("jwks_url", "# jwks_url"), "has no public keys"),
        (CLIENT + CLIENT, "two clients are named 'st-elsewhere'"),
        (CLIENT + CLIENT.replace("st-elsewhere", "mercy"), "share an issuer"),
        ('[client]\nname = "x"', "two brackets"),
        ('port = 8080\n[[client]]\nname = "local"', "unknown key 'port'"),
        ("[[client]\n", "is not TOML"),
    ],
)
def test_faults_of_the_client_file(tmp_path: Path, toml: str, said: str) -> None:
    assert said in refusal_of_clients(tmp_path, toml)


@pytest.mark.parametrize(
    ("jwk", "said"),
    [
        ('{ kid = "k", kty = "oct", k = "c2VjcmV0" }', "key 'k' is neither an RSA key nor an EC key"),
        ('{ kid = "k", kty = "RSA", n = "AQAB", e = "AQAB", d = "AQAB" }', "key 'k' is a private key"),
        ('{ kid = "k", kty = "RSA" }', "key 'k' cannot be read"),
        ('{ kty = "RSA" }', "key '#1' has no kid"),
    ],
)
def test_inline_keys_are_checked_at_start(tmp_path: Path, jwk: str, said: str) -> None:
    toml = f'[[client]]\nname = "x"\nissuer = "https://x.example"\njwks = {{ keys = [{jwk}] }}\n'
    assert said in refusal_of_clients(tmp_path, toml)


def test_clients_with_disjoint_tenants_may_share_an_issuer(tmp_path: Path) -> None:
    one = CLIENT + 'tenants = ["a", "b"]\n'
    other = CLIENT.replace("st-elsewhere", "mercy") + 'tenants = ["c"]\n'
    assert len(load_with_clients(tmp_path, one + other).clients) == 2
    assert "share an issuer" in refusal_of_clients(tmp_path, one + other.replace('"c"', '"b"'))


def test_the_local_client_may_use_fhir_servers_of_this_machine() -> None:
    client = Settings.load({"LENCDS_AUTH": "off"}).local_client
    assert client.profile == "generic"
    assert client.fhir_server("http://localhost:9999/fhir") is not None
    assert client.fhir_server("https://ehr.example.org/fhir") is None
    assert client.fhir_server("nonsense") is None


def test_in_the_demo_the_local_client_may_use_its_sandbox_only() -> None:
    client = Settings.load({"LENCDS_AUTH": "off"}, sandbox_url="http://127.0.0.1:4004/fhir").local_client
    assert client.fhir_server("http://127.0.0.1:4004/fhir") is not None
    assert client.fhir_server("http://127.0.0.1:4005/fhir") is None


def test_a_client_named_local_widens_the_built_in_one(tmp_path: Path) -> None:
    toml = '[[client]]\nname = "local"\nprofile = "epic"\nfhir_servers = ["https://ehr.example.org/fhir"]\n'
    client = load_with_clients(tmp_path, toml, LENCDS_AUTH="off").local_client
    assert client.profile == "epic"
    assert client.fhir_server("https://ehr.example.org/fhir") is not None
    assert client.fhir_server("http://127.0.0.1/fhir") is not None


@pytest.mark.parametrize(("text", "at"), [("03:00", time(3, 0)), ("23:59", time(23, 59)), ("off", None)])
def test_when_old_rows_are_deleted(load_settings: Any, text: str, at: time | None) -> None:
    assert load_settings(LENCDS_PRUNE_AT=text).prune_at == at


@pytest.mark.parametrize("text", ["3 am", "24:00", "never", "03:00+01:00"])
def test_a_time_of_day_that_is_none(load_settings: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LENCDS_PRUNE_AT takes a time"):
        load_settings(LENCDS_PRUNE_AT=text)
