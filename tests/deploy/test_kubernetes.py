"""The Kubernetes manifests are valid, hang together, and run the service with no more rights than it needs."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.auth.clients import read_clients
from service.config import Settings
from tests.deploy.manifests import KUBERNETES, documents, one_document

EXAMPLE = KUBERNETES / "overlays" / "example"
CUSTOM_KINDS = {"ServiceMonitor", "PrometheusRule"}
"""Kinds of the Prometheus operator, of which Kubernetes itself has no schema."""
MANIFESTS = sorted(
    path
    for path in KUBERNETES.rglob("*.yaml")
    if path.name != "kustomization.yaml" and one_document(path)["kind"] not in CUSTOM_KINDS
)
DEPLOYMENT = one_document(KUBERNETES / "base" / "deployment.yaml")
POD = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINERS = [*POD["initContainers"], *POD["containers"]]


def validate(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def with_labels(document: dict[str, Any]) -> dict[str, Any]:
    """A manifest of the base with the labels that kustomize adds to its empty selectors."""
    labels = {"app.kubernetes.io/name": "lenalidomide-cds"}
    spec = document.get("spec", {})
    for selector in (spec.get("selector"), spec.get("template", {}).get("metadata")):
        for key in ("matchLabels", "labels"):
            if isinstance(selector, dict) and key in selector:
                selector[key] = labels
    return document


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(KUBERNETES)))
def test_each_manifest_is_valid(path: Path) -> None:
    validate(with_labels(one_document(path)))


def test_the_validation_would_see_a_misspelt_key() -> None:
    wrong = with_labels(one_document(KUBERNETES / "base" / "service.yaml"))
    wrong["spec"]["prots"] = wrong["spec"].pop("ports")
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(wrong)


@pytest.mark.parametrize("path", sorted(KUBERNETES.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_each_kustomization_names_what_is_there(path: Path) -> None:
    kustomization = one_document(path)
    named = [*kustomization.get("resources", ()), *kustomization.get("components", ())]
    generated = [file for one in kustomization.get("configMapGenerator", ()) for file in one.get("files", ())]
    assert all((path.parent / name).exists() for name in [*named, *generated])
    here = {file.name for file in path.parent.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert here == {name for name in named if name.endswith(".yaml")}


@pytest.mark.skipif(
    shutil.which("kustomize") is None, reason="kustomize is not installed: manifests checked one by one"
)
def test_the_example_builds_and_every_manifest_of_it_is_valid() -> None:
    built = subprocess.run(["kustomize", "build", str(EXAMPLE)], capture_output=True, check=True, timeout=60).stdout
    found = [one for one in yaml.safe_load_all(built) if one["kind"] not in CUSTOM_KINDS]
    for document in found:
        validate(document)
    kinds = {one["kind"] for one in found}
    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"} <= kinds
    assert "Secret" not in kinds


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container["name"])
def test_no_container_may_do_more_than_it_needs(container: dict[str, Any]) -> None:
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["automountServiceAccountToken"] is False
    assert POD["enableServiceLinks"] is False


def test_every_secret_comes_by_reference_and_the_example_lists_its_key() -> None:
    listed = one_document(EXAMPLE / "secret.example.yaml")["stringData"]
    references = [
        entry["valueFrom"]["secretKeyRef"]
        for container in CONTAINERS
        for entry in container["env"]
        if "secretKeyRef" in entry.get("valueFrom", {})
    ]
    assert {reference["key"] for reference in references} == listed.keys() - {"unused"}
    secrets = {"LENCDS_DATABASE_URL", "LENCDS_AUDIT_KEY", "LENCDS_ADMIN_TOKEN", "LENCDS_METRICS_TOKEN"}
    plain = {entry["name"] for container in CONTAINERS for entry in container["env"] if "value" in entry}
    assert not secrets & plain


def test_the_service_starts_with_the_settings_of_the_manifest(tmp_path: Path) -> None:
    """The names of the variables and the example's clients are such that the strict configuration takes them."""
    values = one_document(EXAMPLE / "secret.example.yaml")["stringData"]
    (container,) = POD["containers"]
    environ = {"LENCDS_SERVICE_HOST": "10.0.0.1", "LENCDS_PORT": "tcp://10.0.0.1:80"}
    for entry in container["env"]:
        source = entry.get("valueFrom", {})
        if "secretKeyRef" in source:
            environ[entry["name"]] = values[source["secretKeyRef"]["key"]].ljust(32, "x")
        elif "configMapKeyRef" in source:
            environ[entry["name"]] = "https://cds.example.org"
        else:
            environ[entry["name"]] = str(EXAMPLE / "clients.toml")
    environ["LENCDS_DATABASE_URL"] = values["database-url"]
    settings = Settings.load(environ)
    assert [client.name for client in settings.clients] == ["st-elsewhere"]
    assert settings.clients[0].silent


def test_probes_and_ports_meet() -> None:
    (container,) = POD["containers"]
    ports = {port["name"] for port in container["ports"]}
    for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    (service_port,) = one_document(KUBERNETES / "base" / "service.yaml")["spec"]["ports"]
    assert service_port["targetPort"] in ports
    mounted = {mount["name"] for one in CONTAINERS for mount in one["volumeMounts"]}
    assert mounted == {volume["name"] for volume in POD["volumes"]}


def test_only_the_protocol_is_reached_from_outside() -> None:
    (rule,) = one_document(EXAMPLE / "ingress.yaml")["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/cds-services"]


def test_the_metrics_are_scraped_with_the_token_of_the_secret() -> None:
    (monitor,) = documents(KUBERNETES / "components" / "service-monitor" / "service-monitor.yaml")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "lenalidomide-cds", "key": "metrics-token"}
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


def test_the_clients_of_both_examples_can_be_read() -> None:
    for path in (EXAMPLE / "clients.toml", KUBERNETES.parent / "compose" / "clients.example.toml"):
        clients, problems = read_clients(tomllib.loads(path.read_text("utf-8"))["client"])
        assert (len(clients), problems) == (1, [])
