from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient

from service.sandbox.search_parameters import SEARCH_PARAMETERS


def test_the_statement_says_what_the_table_says(client: FlaskClient) -> None:
    statement = client.get("/fhir/metadata").get_json(force=True)
    get_fhir_model_class("CapabilityStatement").model_validate(statement)
    stated = {
        resource["type"]: {parameter["name"]: parameter["type"] for parameter in resource["searchParam"]}
        for resource in statement["rest"][0]["resource"]
    }
    assert stated == {
        kind: {name: parameter.type for name, parameter in table.items()} for kind, table in SEARCH_PARAMETERS.items()
    }
    assert statement["implementation"]["url"] == "http://localhost/fhir"
    assert statement["fhirVersion"] == "4.0.1"


def test_every_stated_include_works(client: FlaskClient) -> None:
    statement = client.get("/fhir/metadata").get_json(force=True)
    stated = [
        (resource["type"], include)
        for resource in statement["rest"][0]["resource"]
        for include in resource.get("searchInclude", [])
    ]
    assert ("MedicationRequest", "MedicationRequest:medication") in stated
    for kind, include in stated:
        assert client.get(f"/fhir/{kind}?_include={include}").status_code == 200
