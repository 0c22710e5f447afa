"""`lencds openapi`: the OpenAPI document, for developers of clients and for tools."""

from __future__ import annotations

import click
import orjson

from service.openapi.document import openapi_document


@click.command(epilog="A running service answers the same at /openapi.json.\n\nExample: lencds openapi > openapi.json")
@click.option("--base-url", default="", metavar="URL", help="Address of the service, to stand in the document.")
def openapi(base_url: str) -> None:
    """Print what every endpoint takes and answers, as an OpenAPI 3.1 document."""
    click.echo(orjson.dumps(openapi_document(base_url.rstrip("/")), option=orjson.OPT_INDENT_2))
