"""Discovery is public, but a token that is sent must be good."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient


def test_without_token(guarded: FlaskClient) -> None:
    response = guarded.get("/cds-services")
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.get_json()["services"][0]["id"] == "lenalidomide-order-sign"


def test_with_a_good_token(guarded: FlaskClient, bearer: Any) -> None:
    assert guarded.get("/cds-services", headers=bearer("/cds-services")).status_code == 200


def test_with_a_bad_token(guarded: FlaskClient, bearer: Any) -> None:
    headers = bearer("/cds-services")
    guarded.get("/cds-services", headers=headers)
    for bad in (headers, bearer("/elsewhere"), {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
        assert guarded.get("/cds-services", headers=bad).status_code == 401


def test_with_authentication_off_tokens_do_not_matter(web: FlaskClient) -> None:
    assert web.get("/cds-services", headers={"Authorization": "Bearer x"}).status_code == 200
