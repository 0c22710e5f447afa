"""The kinds of calls of the soak, and whether an answer to one is right."""

from __future__ import annotations

import http.client
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from benchmarks.workload import HOOK_INSTANCE

PATH = "/cds-services/lenalidomide-order-sign"
INCOMPLETE = "checkIncomplete"
_LIMIT_S = 30
_REMEMBERED_CARDS = 50

Judge = Callable[[int, Any], str]
"""Returns what is wrong with a status and a decoded answer, "" when it is right."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of call: its name, what is sent, what is right, how often it is made."""

    name: str
    body: bytes
    judge: Judge
    weight: int
    path: str = PATH


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A call that was answered with 200 and leaves an audit row: its hookInstance and the uuids of its cards."""

    hook_instance: str
    cards: frozenset[str]


@dataclass(slots=True)
class Log:
    """What one caller saw.

    Attributes:
        milliseconds: kind → duration of each answered call.
        statuses: `kind: status` → how often; a lost connection has the status `lost`.
        wrong: what was wrong with answers.
        acknowledged: the calls whose rows must be found.
        feedback: number of feedback items the service took.
    """

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    feedback: int = 0

    def count(self, kind: str, status: object) -> None:
        """Count an outcome."""
        name = f"{kind}: {status}"
        self.statuses[name] = self.statuses.get(name, 0) + 1


def topics_of(answer: Any) -> set[str]:
    """Return the topics of the cards of an answer."""
    return {card["source"]["topic"]["code"] for card in answer["cards"]}


def no_cards(status: int, answer: Any) -> str:
    """An order for another drug has no cards."""
    return "" if status == 200 and answer == {"cards": []} else "a card about another drug, or none for a failure"  # noqa: PLR2004


def refused(status: int, _answer: Any) -> str:
    """A request that breaks the protocol is refused."""
    return "" if status == 400 else "a bad request was not refused"  # noqa: PLR2004


def exactly(expected: frozenset[str]) -> Judge:
    """With everything prefetched the cards are always the same."""

    def judge(status: int, answer: Any) -> str:
        return "" if status == 200 and topics_of(answer) == expected else "other cards than expected"  # noqa: PLR2004

    return judge


def complete_or_said(expected: frozenset[str]) -> Judge:
    """What is fetched may be missing, but never silently, and no card may appear that the whole record does not give.

    412 says that not even the Patient could be obtained.
    """

    def judge(status: int, answer: Any) -> str:
        if status == 412:  # noqa: PLR2004
            return ""
        if status != 200:  # noqa: PLR2004
            return "neither answered nor refused in order"
        topics = topics_of(answer)
        if INCOMPLETE in topics:
            return "" if topics - {INCOMPLETE} <= expected else "a card the whole record does not give"
        return "" if topics == expected else "cards are missing and nobody says so"

    return judge


class Caller:
    """Makes calls one after the other on one connection, and judges the answers."""

    def __init__(self, port: int, kinds: list[Kind], seed: int) -> None:
        self.log = Log()
        self._port, self._kinds = port, kinds
        self._random = random.Random(seed)  # noqa: S311  a mixture, no secret
        self._weights = [kind.weight for kind in kinds]
        self._connection: http.client.HTTPConnection | None = None
        self._cards: list[str] = []

    def run(self, until: float, pause_s: float = 0.0) -> None:
        """Call until `time.monotonic()` says so."""
        while time.monotonic() < until:
            if self._cards and self._random.random() < 0.1:  # noqa: PLR2004
                self._report_back()
            else:
                self._call(self._random.choices(self._kinds, self._weights)[0])
            time.sleep(pause_s)
        self._hang_up()

    def _call(self, kind: Kind) -> None:
        instance = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        began = time.perf_counter()
        status, answer = self._post(
            kind.name, kind.path, kind.body.replace(HOOK_INSTANCE.encode(), instance.encode(), 1)
        )
        if status is None:
            return
        self.log.milliseconds.setdefault(kind.name, []).append((time.perf_counter() - began) * 1000)
        if problem := kind.judge(status, answer):
            seen = sorted(topics_of(answer)) if status == 200 else ""  # noqa: PLR2004
            self.log.wrong.append(f"{kind.name}: {problem} ({status} {seen})")
        if status == 200 and answer["cards"]:  # noqa: PLR2004
            cards = [card["uuid"] for card in answer["cards"]]
            self.log.acknowledged.append(Acknowledged(instance, frozenset(cards)))
            self._cards = [*cards, *self._cards][:_REMEMBERED_CARDS]

    def _report_back(self) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        item: dict[str, Any] = {
            "card": self._random.choice(self._cards),
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": str(uuid.uuid4())}],
            "outcomeTimestamp": moment,
        }
        status, _ = self._post("feedback", f"{PATH}/feedback", orjson.dumps({"feedback": [item]}))
        if status == 200:  # noqa: PLR2004
            self.log.feedback += 1

    def _post(self, name: str, path: str, body: bytes) -> tuple[int | None, Any]:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_LIMIT_S)
            self._connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            self.log.count(name, "lost")
            return None, None
        self.log.count(name, response.status)
        return response.status, orjson.loads(content) if content else None

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
