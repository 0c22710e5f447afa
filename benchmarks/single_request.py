"""One FHIR request by the client of the service itself: what a round trip costs at least."""

from __future__ import annotations

import time

from benchmarks.workload import PATIENT_ID
from cds_hooks.prefetch import FailureCause
from service.fhir.access import Access, FhirServer
from service.fhir.client import FhirClient
from service.fhir.deadline import Deadline
from service.fhir.transport import Transport


def single_requests_ms(base_url: str, count: int) -> list[float]:
    """Return how long each of `count` reads of the Patient took, in ms, one after the other.

    Raises:
        RuntimeError: the server did not answer.
    """
    transport = Transport(1)
    client = FhirClient(transport)
    access = Access(FhirServer(base_url, allowed=lambda _url: True))
    milliseconds = []
    for number in range(count + 1):
        began = time.perf_counter()
        answer = client.get(access, f"Patient/{PATIENT_ID}", "Patient", Deadline(10))
        if isinstance(answer, FailureCause):
            raise RuntimeError(f"the FHIR server did not answer: {answer}")
        if number:  # the first one connects
            milliseconds.append((time.perf_counter() - began) * 1000)
    transport.close()
    return milliseconds
