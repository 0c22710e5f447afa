"""`lencds check`: one evaluation of a file, without a server."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.text import Text

from cds_hooks.chart.fhir import as_list, as_mapping, as_text, subject_id
from cds_hooks.chart.medications import ORDER_TYPES
from cds_hooks.chart.when import parse_when
from cds_hooks.data_needs import PATIENT
from cds_hooks.protocol.request import HookRequest, RequestError, parse_request
from service.auth.clients import Client
from service.clinical import clinical
from service.commands.card_view import cards_view, trace_view
from service.fhir.deadline import Deadline
from service.order_check import Answer, OrderCheck, PatientUnobtainableError

_DEADLINE_S = 10.0
_UNUSABLE = 2


@click.command(
    epilog="Examples:  lencds check request.json   lencds check order.json --fhir-server http://127.0.0.1:8090/fhir"
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fhir-server", metavar="URL", help="FHIR server on this machine for what the file does not hold.")
@click.option("--at", metavar="DATETIME", help="Evaluate as of this instant (2026-03-02T12:00Z); default: now.")
@click.option("--profile", type=click.Choice(["generic", "epic", "sandbox"]), default="generic", show_default=True)
@click.option("--explain", is_flag=True, help="Show for every rule what it answered and the facts it saw.")
@click.option("--json", "as_json", is_flag=True, help="Print the CDS Hooks response instead of a picture of it.")
@click.option("--knowledge", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Knowledge folder.")
def check(
    file: Path, fhir_server: str | None, at: str | None, profile: str, explain: bool, as_json: bool,
    knowledge: Path | None,
) -> None:  # fmt: skip
    """Check one order and show the cards.

    FILE holds a CDS Hooks request (order-sign or order-select), or one MedicationRequest, or a Bundle with the draft
    order and the patient's resources.
    """
    now = _instant(at)
    client = Client(name="check", profile=profile, loopback_fhir_servers=True)  # type: ignore[arg-type]
    with clinical(knowledge) as order_check:
        try:
            request = read_file(file.read_bytes(), order_check.reader.needs, fhir_server)
            answer = order_check.answer(request, client, now=now, deadline=Deadline(_DEADLINE_S))
        except RequestError as error:
            raise click.ClickException(f"{file} cannot be checked: {error}") from None
        except PatientUnobtainableError:
            click.echo(
                "The Patient is neither in the file nor readable from a FHIR server: nothing can be checked (the"
                " service answers 412). Name a server with --fhir-server, or add the Patient to the Bundle.",
                err=True,
            )
            sys.exit(_UNUSABLE)
    if as_json:
        click.echo(orjson.dumps({"cards": answer.cards}, option=orjson.OPT_INDENT_2))
    else:
        _show(answer, order_check, explain=explain)


def _instant(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    when = parse_when(text)
    if when is None:
        raise click.BadParameter(
            "write a date or an instant, such as 2026-03-02 or 2026-03-02T12:00:00Z", param_hint="--at"
        )
    return when.start


def _show(answer: Answer, order_check: OrderCheck, *, explain: bool) -> None:
    console = Console()
    if answer.outcome == "irrelevant":
        console.print(
            Text("No draft concerns lenalidomide or a drug that meets it: the service answers at once.", style="green")
        )
        return
    if answer.outcome == "partner-inactive":
        console.print(Text("A drug that meets lenalidomide is drafted, but no lenalidomide is in use.", style="green"))
        return
    console.print(cards_view(answer.cards, with_detail=True))
    if explain and answer.evaluation is not None:
        console.print(trace_view(answer.evaluation))
    knowledge = order_check.reader.knowledge
    console.print(
        f"Knowledge {knowledge.version}, {knowledge.unverified} figures not yet verified against the current US label. "
        f"FHIR requests: {answer.fhir_requests}."
    )


def read_file(content: bytes, needs: Collection[str], fhir_server: str | None) -> HookRequest:
    """Turn a hook request, an order, or a Bundle into a request.

    Args:
        content: JSON.
        needs: keys of the data needs. A Bundle without FHIR server is taken for all there is.
        fhir_server: base URL to use instead of the one in the file, None to keep that.

    Raises:
        RequestError: it is none of these.
    """
    try:
        document = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        raise RequestError("$", "is not JSON in UTF-8") from None
    document = as_mapping(document)
    if "hook" not in document:
        document = _as_hook(document, () if fhir_server else needs)
    if fhir_server:
        document = {**document, "fhirServer": fhir_server}
    return parse_request(orjson.dumps(document))


def _as_hook(document: Mapping[str, Any], answered: Collection[str]) -> dict[str, Any]:
    """Make a request of an order, or of a Bundle that holds the order and what is known of the patient."""
    if document.get("resourceType") in ORDER_TYPES:
        resources: list[Any] = [document]
    else:
        resources = [as_mapping(entry).get("resource") for entry in as_list(document.get("entry"))]
    orders = [one for one in map(as_mapping, resources) if one.get("resourceType") in ORDER_TYPES]
    drafts = [one for one in orders if as_text(one.get("status")) == "draft"] or orders[:1]
    if not drafts:
        raise RequestError("$", "holds neither a hook request nor a MedicationRequest")
    known = [one for one in map(as_mapping, resources) if one and not any(one is draft for draft in drafts)]
    request: dict[str, Any] = {
        "hook": "order-sign",
        "hookInstance": "lencds-check",
        "context": {
            "patientId": next(filter(None, map(subject_id, drafts)), "unknown"),
            "userId": "",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": one} for one in drafts]},
        },
    }
    if known:
        none_besides = {key: {"resourceType": "Bundle"} for key in answered if key != PATIENT}
        request["prefetch"] = {
            "file": {"resourceType": "Bundle", "entry": [{"resource": one} for one in known]},
            **none_besides,
        }
    return request
