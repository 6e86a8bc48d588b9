"""The /v1 API: who asks, which key, what fails; then one transaction, then the answer."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections import deque
from typing import Any

from billing.standins.stripe import errors, idempotency, params, routes
from billing.standins.stripe.call import Call
from billing.standins.stripe.errors import StripeError
from billing.standins.stripe.faults import Dice, Fate
from billing.standins.stripe.store import Store
from billing.standins.stripe.version import API_VERSION
from billing.standins.stripe.web import Request, Response, json_response

_LOG_LENGTH = 5000
_MAX_KEY_LENGTH = 255


class Api:
    def __init__(self, store: Store, dice: Dice, base_url: str) -> None:
        self._store = store
        self._dice = dice
        self._base_url = base_url
        self.log: deque[dict[str, Any]] = deque(maxlen=_LOG_LENGTH)

    def answer(self, request: Request) -> Response:
        request_id = self._store.new_id("req")
        fate = self._dice.throw(request.method, request.path)
        key = request.header("idempotency-key") if request.method == "POST" else ""
        try:
            response = self._guarded(request, request_id, key, fate)
        except StripeError as error:
            response = json_response(error.status, error.body())
        response.lost = fate.name == "lose_answer"
        response.headers |= {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        if key and key.isascii() and key.isprintable():
            response.headers["Idempotency-Key"] = key
        self._note(request, key, fate, response)
        return response

    def _guarded(self, request: Request, request_id: str, key: str, fate: Fate) -> Response:
        _authenticate(request)
        if len(key) > _MAX_KEY_LENGTH:
            raise errors.invalid("Idempotency keys are at most 255 characters long.")
        if fate.name == "rate_limit":
            raise errors.rate_limited()
        if fate.name == "fail_before":
            raise errors.server_fault(fate.status)
        keyed = bool(key) and not fate.ignore_idempotency
        if keyed and (saved := idempotency.claim(self._store, key, request, request_id)):
            return Response(
                saved.status,
                saved.body.encode(),
                {
                    "Content-Type": "application/json",
                    "Idempotent-Replayed": "true",
                    "Original-Request": saved.request_id,
                },
            )
        if fate.latency_ms:
            time.sleep(fate.latency_ms / 1000)
        return self._execute(request, request_id, key if keyed else "", fate)

    def _execute(self, request: Request, request_id: str, key: str, fate: Fate) -> Response:
        """The writes, their events and the remembered answer are one transaction."""
        try:
            with self._store.transaction():
                status, body, remember = self._run(request, request_id, key, fate)
                if key and remember:
                    idempotency.save(self._store, key, status, body)
                elif key:
                    idempotency.release(self._store, key)
        except BaseException:
            # A defect of the stand-in: nothing was written, so nothing is remembered.
            idempotency.release(self._store, key)
            raise
        return Response(status, body.encode(), {"Content-Type": "application/json"})

    def _run(
        self, request: Request, request_id: str, key: str, fate: Fate
    ) -> tuple[int, str, bool]:
        if not fate.executes:
            fault = errors.server_fault()
            return fault.status, json.dumps(fault.body()), True
        self._store.run("SAVEPOINT request")
        try:
            outcome = 200, self._dispatch(request, request_id, key), True
        except StripeError as error:
            if not error.keep:
                self._store.run("ROLLBACK TO request")
            outcome = error.status, error.body(), error.remember
        if fate.name == "save_500":
            fault = errors.server_fault()
            outcome = fault.status, fault.body(), True
        return outcome[0], json.dumps(outcome[1]), outcome[2]

    def _dispatch(self, request: Request, request_id: str, key: str) -> dict[str, Any]:
        found = routes.find(request.method, request.path)
        if found is None:
            raise StripeError(
                404,
                "invalid_request_error",
                f"Unrecognized request URL ({request.method}: {request.path}).",
            )
        route, ids = found
        encoded = request.body.decode("utf-8", "replace") if request.body else request.query
        checked = params.check(_decoded(encoded), route.params)
        for name in route.required:
            if name not in checked:
                raise errors.missing_parameter(name)
        call = Call(self._store, self._base_url, checked, request_id, key or None)
        return call.expand(route.answer(call, *ids))

    def _note(self, request: Request, key: str, fate: Fate, response: Response) -> None:
        self.log.append(
            {
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "params": _shown(request),
                "idempotency_key": key or None,
                "fault": fate.name or None,
                "status": response.status,
                "replayed": "Idempotent-Replayed" in response.headers,
                "request_id": response.headers["Request-Id"],
                "version": request.header("stripe-version") or None,
            }
        )


def _decoded(encoded: str) -> dict[str, Any]:
    try:
        return params.decode(encoded)
    except ValueError as error:
        raise errors.invalid("The request body could not be read.") from error


def _shown(request: Request) -> dict[str, Any]:
    """The parameters without what nobody may keep: card numbers and security codes."""
    try:
        shown = params.decode(request.body.decode("utf-8", "replace"))
    except (StripeError, ValueError):
        return {}
    if isinstance(shown.get("card"), dict):
        shown["card"] = dict.fromkeys(shown["card"], "***")
    return shown


def _authenticate(request: Request) -> None:
    scheme, _, credential = request.header("authorization").partition(" ")
    secret = credential.strip()
    if scheme.lower() == "basic":
        try:
            secret = base64.b64decode(secret, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            secret = ""
    if scheme.lower() not in ("basic", "bearer") or not secret:
        raise errors.unauthorized(
            "You did not provide an API key. Provide it in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if secret.startswith(("sk_live_", "rk_live_")):
        raise errors.unauthorized(
            "This is a test stand-in and a live key was sent to it. Check the configuration."
        )
    if not secret.startswith(("sk_test_", "rk_test_")):
        raise errors.unauthorized(f"Invalid API Key provided: {secret[:4]}***")
    version = request.header("stripe-version") or API_VERSION
    if version != API_VERSION:
        raise errors.invalid(f"Invalid Stripe API version: {version}. Here: {API_VERSION}.")
