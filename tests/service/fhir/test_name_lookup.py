"""Looking up names: nobody waits longer than he wants, and nobody is asked twice at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access, FhirServer
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.name_lookup import NameLookup


class SlowResolver:
    """Stands for a resolver of the operating system that does not answer until told to."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "slow.example":
            return self._real(host, *args, **kwargs)
        self.asked.append(host)
        self.release.wait(20)
        return self._real("127.0.0.1", *args, **kwargs)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowResolver]:
    slow = SlowResolver()
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield slow
    slow.release.set()
    for thread in threading.enumerate():
        if thread.name == "name-lookup":
            thread.join(5)


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("::1", "::1")])
def test_addresses_need_no_lookup(host: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("no thread is needed"))
    assert NameLookup().addresses(host, 80, 0.0)[0][1][:2] == (expected, 80)


def test_a_name() -> None:
    assert ("127.0.0.1", 80) in [address for _, address in NameLookup().addresses("localhost", 80, 5.0)]


def test_no_such_name() -> None:
    lookup = NameLookup()
    for _ in range(2):
        with pytest.raises((socket.gaierror, TimeoutError)):
            lookup.addresses("nowhere.invalid", 80, 10.0)


def test_a_name_that_is_none() -> None:
    with pytest.raises(UnicodeError):
        NameLookup().addresses("a" * 70 + ".example", 80, 5.0)


def test_many_wait_for_one_lookup(resolver: SlowResolver) -> None:
    lookup = NameLookup()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(lookup.addresses, "slow.example", 80, 10.0) for _ in range(8)]
        while not resolver.asked:
            time.sleep(0.01)
        time.sleep(0.1)
        resolver.release.set()
        assert {one.result()[0][1] for one in waiting} == {("127.0.0.1", 80)}
    assert len(resolver.asked) == 1


def test_a_resolver_that_does_not_answer_costs_no_more_than_the_deadline(
    client: FhirClient, resolver: SlowResolver
) -> None:
    access = Access(FhirServer("http://slow.example/fhir", lambda _: True))
    for _ in range(3):
        began = time.monotonic()
        assert client.get(access, "Patient/p1", "Patient", Deadline(0.2)) is FailureCause.TIMEOUT
        assert time.monotonic() - began < 1.5
    assert len(resolver.asked) == 1
    assert sum(thread.name == "name-lookup" for thread in threading.enumerate()) == 1


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    client: FhirClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"resourceType": "Patient", "id": "p1"}'
    with socket.create_server(("127.0.0.1", 0)) as good, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        # Connections beyond the backlog are not answered, as behind a firewall that drops packets.
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        addresses = [(socket.AF_INET, full.getsockname()), (socket.AF_INET, good.getsockname())]
        monkeypatch.setattr(NameLookup, "addresses", lambda *_: addresses)

        def answer() -> None:
            connection, _ = good.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        access = Access(FhirServer("http://two.example/fhir", lambda _: True))
        assert client.get(access, "Patient/p1", "Patient", Deadline(3.0)) == {"resourceType": "Patient", "id": "p1"}
        thread.join(5)
        for filler in fillers:
            filler.close()
