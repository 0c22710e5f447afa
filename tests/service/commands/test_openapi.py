"""`lencds openapi`."""

from __future__ import annotations

import json

from click.testing import CliRunner

from service.commands.openapi import openapi
from service.openapi.document import openapi_document


def test_the_document_is_printed_with_the_address_that_is_given() -> None:
    result = CliRunner().invoke(openapi, ["--base-url", "https://cds.example.org/"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == openapi_document("https://cds.example.org")
