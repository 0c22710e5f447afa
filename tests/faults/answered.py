"""A call of the service over HTTP, as its caller sees it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PATH = "/cds-services/lenalidomide-order-sign"


@dataclass(frozen=True)
class Answered:
    """One call as its caller saw it.

    Attributes:
        status: HTTP status.
        cards: topic → indicator.
        incomplete: detail of the card `checkIncomplete`, "" without one; or what the OperationOutcome says that came
            instead of cards.
        wall_ms: from the first byte sent to the last received.
    """

    status: int
    cards: Mapping[str, str] = field(default_factory=dict)
    incomplete: str = ""
    wall_ms: float = 0.0


def post(service: str, body: dict[str, Any], token: str = "") -> Answered:
    """Call the service.

    Args:
        service: its address.
        body: the CDS Hooks request.
        token: bearer token of the caller; "" for none.
    """
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection = http.client.HTTPConnection(service.removeprefix("http://"), timeout=60)
    content = json.dumps(body).encode()
    began = time.perf_counter()
    try:
        connection.request("POST", PATH, content, headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    wall_ms = (time.perf_counter() - began) * 1000
    if response.status != 200:
        said = json.loads(answer)["issue"][0].get("diagnostics", "")
        return Answered(response.status, incomplete=said, wall_ms=wall_ms)
    topics = {card["source"]["topic"]["code"]: card for card in json.loads(answer)["cards"]}
    return Answered(
        response.status,
        {topic: card["indicator"] for topic, card in topics.items()},
        topics.get("checkIncomplete", {}).get("detail", ""),
        wall_ms,
    )
