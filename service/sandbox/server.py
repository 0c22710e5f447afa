"""The sandbox over HTTP: a small read-only FHIR R4 server as a WSGI application."""

import hmac
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.sandbox.batch import answer_batch
from service.sandbox.capability import capability_statement
from service.sandbox.outcome import FhirError, Resource
from service.sandbox.request_log import RecordedRequest, RequestLog
from service.sandbox.search import parse_search, run_search
from service.sandbox.store import ResourceStore

FHIR_JSON = "application/fhir+json"
DEFAULT_PAGE_SIZE = 50

_MAX_BODY_BYTES = 1024 * 1024
# The second is what FHIR's JSON was called until 2015; browser clients still ask for it.
_JSON_FORMATS = frozenset({"json", FHIR_JSON, "application/json+fhir", "application/json"})
_ACCEPTED_TYPES = _JSON_FORMATS | {"*/*", "application/*"}
_ISSUE_CODES = {400: "structure", 404: "not-found", 405: "not-supported", 413: "too-long", 415: "not-supported"}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a sandbox application holds: its resources and the log of its requests."""

    store: ResourceStore
    page_size: int = DEFAULT_PAGE_SIZE
    requests: RequestLog = field(default_factory=RequestLog)

    def get(self, url: str, *, base_url: str, strict: bool = False) -> Resource:
        """Answer a GET without HTTP.

        Args:
            url: relative to the base URL, or absolute below it, with its query.
            base_url: base URL of this server, for links.
            strict: refuse unknown search parameters instead of ignoring them.

        Raises:
            FhirError: the request cannot be answered.
        """
        try:
            target = urlsplit(url.removeprefix(f"{base_url}/"))
        except ValueError as error:
            raise FhirError(400, "invalid", "The URL cannot be read") from error
        if target.scheme or target.netloc:
            raise FhirError(400, "not-supported", "The URL points to another server")
        parameters = parse_qsl(target.query, keep_blank_values=True)
        return self.answer(unquote(target.path), parameters, base_url=base_url, strict=strict)

    def answer(
        self, path: str, parameters: Sequence[tuple[str, str]], *, base_url: str, strict: bool = False
    ) -> Resource:
        """Answer `metadata`, a search on `Type` or a read of `Type/id`, its query already taken apart; see `get`."""
        match path.strip("/").split("/"):
            case ["metadata"]:
                return capability_statement(base_url)
            case [resource_type] if resource_type:
                search = parse_search(
                    resource_type, parameters, base_url=base_url, page_size=self.page_size, strict=strict
                )
                return run_search(search, self.store, base_url)
            case [resource_type, logical_id]:
                return self.store.read(resource_type, logical_id)
        raise FhirError(404, "not-found", f"There is nothing at '{path}'")


def create_sandbox(
    resources: Iterable[Resource],
    *,
    base_path: str = "/fhir",
    page_size: int = DEFAULT_PAGE_SIZE,
    latency_s: float = 0.0,
    access_token: str | None = None,
) -> Flask:
    """Return a WSGI application that serves `resources` as a FHIR R4 server, read-only.

    The `Sandbox` behind it is `app.extensions["sandbox"]`; its `requests` count what was asked.

    Args:
        resources: what is served; copies are kept.
        base_path: the path below which it answers.
        page_size: size of a page when a search names no `_count`.
        latency_s: seconds to wait before each answer.
        access_token: every request but `metadata` must then carry it as `Authorization: Bearer …`.

    Raises:
        ValueError: a resource cannot be served.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    sandbox = Sandbox(ResourceStore(resources), page_size)
    app.extensions["sandbox"] = sandbox
    base = base_path.rstrip("/")

    def base_url() -> str:
        return request.host_url.rstrip("/") + base

    def answer(path: str, parameters: Sequence[tuple[str, str]]) -> Response:
        return _respond(sandbox.answer(path, parameters, base_url=base_url(), strict=_wants_strict()))

    @app.before_request
    def record_and_admit() -> Response | None:
        names = "&".join(request.args)
        sandbox.requests.add(RecordedRequest(request.method, f"{request.path}?{names}" if names else request.path))
        if latency_s > 0:
            time.sleep(latency_s)
        if request.method == "OPTIONS":
            return None  # a browser's preflight carries neither token nor format
        if access_token is not None and request.path != f"{base}/metadata" and not _carries(access_token):
            error = FhirError(401, "login", "A valid bearer token is needed")
            response = _respond(error.outcome(), error.status)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        _refuse_other_formats()
        return None

    @app.after_request
    def allow_every_origin(response: Response) -> Response:
        # Developers read the sandbox from their browsers; the patients are invented, so there is nothing to protect.
        response.headers["Access-Control-Allow-Origin"] = "*"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, Prefer"
        return response

    @app.get(f"{base}/<path:path>")
    def read_or_search(path: str) -> Response:
        return answer(path, list(request.args.items(multi=True)))

    @app.post(f"{base}/<resource_type>/_search")
    def search_by_post(resource_type: str) -> Response:
        if request.mimetype != "application/x-www-form-urlencoded":
            raise FhirError(415, "not-supported", "A search by POST must be form encoded")
        return answer(resource_type, [*request.args.items(multi=True), *request.form.items(multi=True)])

    @app.post(f"{base}/")
    def batch() -> Response:
        try:
            bundle = json.loads(request.get_data())
        except (ValueError, RecursionError) as error:
            raise FhirError(400, "structure", "The body is not JSON") from error
        own_url, strict = base_url(), _wants_strict()
        return _respond(answer_batch(bundle, lambda url: sandbox.get(url, base_url=own_url, strict=strict)))

    @app.errorhandler(FhirError)
    def refuse(error: FhirError) -> Response:
        return _respond(error.outcome(), error.status)

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        status = error.code or 500
        refusal = FhirError(status, _ISSUE_CODES.get(status, "processing"), error.name)
        response = _respond(refusal.outcome(), status)
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or ())
        return response

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Response:
        app.logger.error("sandbox failed", exc_info=error)
        return _respond(FhirError(500, "exception", "The sandbox failed; its log says why").outcome(), 500)

    return app


def _respond(resource: Resource, status: int = 200) -> Response:
    # A lone surrogate in a request must not turn the refusal that quotes it into a failure.
    body = json.dumps(resource, ensure_ascii=False).encode(errors="replace")
    return Response(body, status, content_type=f"{FHIR_JSON}; charset=utf-8")


def _wants_strict() -> bool:
    preferences = ",".join(request.headers.getlist("Prefer")).replace(";", ",").split(",")
    return any(preference.strip().lower() == "handling=strict" for preference in preferences)


def _carries(access_token: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), access_token.encode())


def _refuse_other_formats() -> None:
    if wanted := request.args.get("_format"):
        acceptable = wanted in _JSON_FORMATS
    else:
        # Parameters such as `fhirVersion=4.0` are of no matter; werkzeug's own matching would insist on them.
        accepted = {value.partition(";")[0].strip() for value, quality in request.accept_mimetypes if quality > 0}
        acceptable = not request.accept_mimetypes or not accepted.isdisjoint(_ACCEPTED_TYPES)
    if not acceptable:
        raise FhirError(406, "not-supported", "Only JSON is spoken here")
