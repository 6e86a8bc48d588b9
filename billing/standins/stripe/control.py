"""The control endpoint: how a test tells the vendor to misbehave, and asks what it did.

``POST`` takes ``application/json`` (so that no web page can send it unasked), ``GET`` nothing.

==========================  =====================================================================
GET  /_control/stats        objects per kind, money per currency, charges per PaymentIntent;
                            ``?group=invoice_id`` counts succeeded charges by that metadata key
GET  /_control/requests     the last 5,000 API requests with parameters, key, fault and status
POST /_control/faults       any of ``faults.Faults``; the named ones change, ``{}`` changes none
POST /_control/webhooks     any of ``deliveries.Behaviour``; also ``{"resend": true}`` to bring
                            back what was dropped or given up
POST /_control/endpoints    ``{"url": ..., "secret": ...}`` registers, ``{"remove": url}`` ends
POST /_control/clock        ``{"offset_seconds": n}`` or ``{"advance_seconds": n}``; moves vendor
                            time (ages of keys and sessions), never the time in signatures;
                            ``{"key_retention_seconds": n}`` sets how long keys are remembered
POST /_control/authenticate ``{"id": "pi_...", "passed": true}`` answers 3D Secure without a page
POST /_control/reset        forget everything but the webhook endpoints
==========================  =====================================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from billing.standins.stripe import challenge, deliveries, idempotency
from billing.standins.stripe.api import Api
from billing.standins.stripe.call import Call
from billing.standins.stripe.errors import StripeError
from billing.standins.stripe.faults import Dice, Faults, changed
from billing.standins.stripe.store import Store
from billing.standins.stripe.web import Request, Response, json_response

Answer = dict[str, Any]


class Control:
    def __init__(self, store: Store, dice: Dice, api: Api, base_url: str) -> None:
        self._store = store
        self._dice = dice
        self._api = api
        self._base_url = base_url

    def answer(self, request: Request) -> Response:
        name = request.path.removeprefix("/_control/")
        try:
            if request.method == "GET":
                return json_response(200, self._read(name, request.query))
            if not request.header("content-type").startswith("application/json"):
                return json_response(415, {"error": "send application/json"})
            given = json.loads(request.body or b"{}")
            if not isinstance(given, dict):
                raise ValueError("send a JSON object")
            return json_response(200, self._write(name, given))
        except StripeError as error:
            return json_response(error.status, error.body())
        except (ValueError, TypeError) as error:
            return json_response(400, {"error": str(error)})
        except KeyError as error:
            return json_response(404, {"error": f"missing or unknown: {error.args[0]}"})

    def _read(self, name: str, query: str) -> Answer:
        if name == "requests":
            return {"requests": list(self._api.log)}
        if name == "faults":
            return asdict(self._dice.faults)
        if name == "webhooks":
            return asdict(deliveries.behaviour(self._store))
        if name != "stats":
            raise KeyError(name)
        return self._stats(parse_qs(query).get("group", [""])[0])

    def _write(self, name: str, given: Answer) -> Answer:
        writers: dict[str, Callable[[Answer], Answer]] = {
            "faults": self._faults,
            "webhooks": self._webhooks,
            "endpoints": self._endpoints,
            "clock": self._clock,
            "authenticate": self._authenticate,
            "reset": self._reset,
        }
        return writers[name](given)

    def _faults(self, given: Answer) -> Answer:
        self._dice.set(changed(self._dice.faults, given))
        return asdict(self._dice.faults)

    def _webhooks(self, given: Answer) -> Answer:
        resent = deliveries.resend(self._store) if given.pop("resend", False) else 0
        rules = changed(deliveries.behaviour(self._store), given)
        deliveries.set_behaviour(self._store, rules)
        return {**asdict(rules), "resent": resent}

    def _endpoints(self, given: Answer) -> Answer:
        if "remove" in given:
            deliveries.remove_endpoint(self._store, str(given["remove"]))
            return {"removed": given["remove"]}
        url, secret = str(given["url"]), str(given["secret"])
        if not url.startswith(("http://", "https://")):
            raise ValueError("url must be http or https")
        return {"id": deliveries.add_endpoint(self._store, url, secret), "url": url}

    def _clock(self, given: Answer) -> Answer:
        if "offset_seconds" in given:
            self._store.set_offset(int(given["offset_seconds"]))
        if "advance_seconds" in given:
            self._store.set_offset(self._store.offset + int(given["advance_seconds"]))
        if "key_retention_seconds" in given:
            seconds = int(given["key_retention_seconds"])
            self._store.set_setting(idempotency.RETENTION_SETTING, seconds)
        return {"now": self._store.now(), "offset_seconds": self._store.offset}

    def _authenticate(self, given: Answer) -> Answer:
        call = Call(self._store, self._base_url)
        with self._store.transaction():
            intent = challenge.resolve(call, str(given["id"]), passed=given["passed"] is True)
        return {"id": intent["id"], "status": intent["status"]}

    def _reset(self, given: Answer) -> Answer:
        endpoints = self._store.run("SELECT url, secret FROM endpoints")
        self._store.wipe()
        self._dice.set(Faults())
        self._api.log.clear()
        for url, secret in endpoints:
            deliveries.add_endpoint(self._store, url, secret)
        return {"reset": True}

    def _stats(self, group: str) -> Answer:
        run = self._store.run
        succeeded = "kind = 'charge' AND json_extract(body, '$.status') = 'succeeded'"
        stats: Answer = {
            "objects": dict(run("SELECT kind, count(*) FROM objects GROUP BY kind")),
            "deliveries": deliveries.counts(self._store),
            "charged": self._sums(succeeded, "amount"),
            "refunded": self._sums("kind = 'refund'", "amount"),
            "fees": self._sums("kind = 'balance_transaction'", "fee"),
            "charges_per_payment_intent": self._counts(succeeded, "$.payment_intent"),
        }
        if group:
            stats["charges_by_metadata"] = self._counts(succeeded, f'$.metadata."{group}"')
        return stats

    def _sums(self, where: str, field: str) -> dict[str, int]:
        sql = (
            f"SELECT json_extract(body, '$.currency'), sum(json_extract(body, '$.{field}')) "
            f"FROM objects WHERE {where} GROUP BY 1"
        )
        return dict(self._store.run(sql))

    def _counts(self, where: str, path: str) -> dict[str, int]:
        sql = (
            f"SELECT json_extract(body, ?), count(*) FROM objects WHERE {where} "
            "GROUP BY 1 HAVING json_extract(body, ?) IS NOT NULL"
        )
        return dict(self._store.run(sql, path, path))
