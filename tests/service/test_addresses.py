"""Addresses are read one way only, and compared by origin and whole path segments."""

import pytest

from service.addresses import Address, AddressError, is_loopback, is_within
from service.auth.clients import read_clients


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("https://EHR.Example.org/fhir", "https://ehr.example.org/fhir"),
        ("HTTPS://ehr.example.org:443/fhir/", "https://ehr.example.org/fhir/"),
        ("https://ehr.example.org:8443", "https://ehr.example.org:8443"),
        ("http://localhost:8080/fhir", "http://localhost:8080/fhir"),
        ("http://127.0.0.1/fhir", "http://127.0.0.1/fhir"),
        ("http://[::1]:80/fhir", "http://[::1]/fhir"),
        ("https://[2001:DB8:0:0::1]/fhir", "https://[2001:db8::1]/fhir"),
        ("https://xn--mnchen-3ya.example/fhir", "https://xn--mnchen-3ya.example/fhir"),
        ("https://ehr.example.org/fhir?_getpages=a%2Fb&x=1|2", "https://ehr.example.org/fhir?_getpages=a%2Fb&x=1|2"),
    ],
)
def test_canonical_spelling(written: str, canonical: str) -> None:
    assert Address.parse(written).url == canonical


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "ehr.example.org/fhir",
        "//ehr.example.org/fhir",
        "/fhir",
        "ftp://ehr.example.org/fhir",
        "file:///etc/passwd",
        "http://ehr.example.org/fhir",  # not encrypted
        "https:///fhir",
        "https://user@ehr.example.org/fhir",
        "https://ehr.example.org@evil.example/fhir",
        "https://ehr.example.org:443@evil.example/fhir",
        "https://evil.example\\@ehr.example.org/fhir",
        "https://ehr.example.org\\.evil.example/fhir",
        "https://ehr.example.org/fhir#fragment",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/./x",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "https://ehr.example.org/fhir%2Fadmin",
        "https://ehr.example.org/fhir%5cadmin",
        "https://ehr.example.org/fhir/%252e%252e/admin",
        "https://ehr.example.org/fhir/..;/admin",
        "https://ehr.example.org/fhir//admin",
        "https://ehr.example.org//",
        "https://ehr.example.org/fhir%00",
        "https://ehr.example.org/fhir\nHost: evil.example",
        "https://ehr.example.org/a b",
        "https://\u0435hr.example.org/fhir",  # a Cyrillic letter
        "https://ehr.example.org\u3002evil.example/fhir",  # an ideographic full stop
        "https://ehr.example.org./fhir",
        "https://-ehr.example.org/fhir",
        "https://ehr..example.org/fhir",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://ehr.example.org:/",
        "https://ehr.example.org:0/",
        "https://ehr.example.org:65536/",
        "https://ehr.example.org:8o/",
        "https://ehr.example.org/" + "a" * 3000,
    ],
)
def test_whatever_can_be_read_in_two_ways_is_refused(odd: str) -> None:
    with pytest.raises(AddressError) as refusal:
        Address.parse(odd)
    assert "evil" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://ehr.example.org/fhir", True),
        ("https://ehr.example.org/fhir/", True),
        ("https://ehr.example.org:443/fhir/R4/Patient?name=x", True),
        ("https://ehr.example.org/fhirx", False),
        ("https://ehr.example.org/FHIR", False),
        ("https://ehr.example.org/", False),
        ("https://ehr.example.org:8443/fhir", False),
        ("http://ehr.example.org/fhir", False),
        ("https://ehr.example.org.evil.example/fhir", False),
        ("https://evil.example/https://ehr.example.org/fhir", False),
        ("https://ehr.example.org/fhir/../admin", False),
        ("not an address", False),
    ],
)
def test_is_within(url: str, inside: bool) -> None:
    assert is_within(url, Address.parse("https://ehr.example.org/fhir")) is inside


def test_an_allowed_origin_without_path_allows_every_path() -> None:
    assert is_within("https://ehr.example.org/any/thing", Address.parse("https://ehr.example.org"))


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.53", True), ("::1", True), ("0.0.0.0", False), ("localhost.evil.example", False)],
)
def test_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize(
    "private", ["https://10.0.0.5/fhir", "https://[fd00::5]/fhir", "https://fhir.hospital.internal/r4"]
)
def test_a_private_address_counts_only_where_it_is_configured(private: str) -> None:
    """A hospital's FHIR server usually is private: what its operator wrote is meant, what a caller sent is not."""
    configured, problems = read_clients([{"name": "local", "fhir_servers": [private]}])
    assert not problems
    assert configured[0].fhir_server(private + "/Patient") is not None
    elsewhere, _ = read_clients([{"name": "local", "fhir_servers": ["https://ehr.example.org/fhir"]}])
    assert elsewhere[0].fhir_server(private) is None
