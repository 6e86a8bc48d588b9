"""Events: what happened, with a snapshot of the object, and who has to be told."""

from __future__ import annotations

from billing.standins.stripe import deliveries
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import BOOL, LIST, RANGE, STR, Schema
from billing.standins.stripe.store import Object, Store
from billing.standins.stripe.version import API_VERSION

LIST_PARAMS: Schema = {
    **LIST,
    "type": STR,
    "types": [STR],
    "created": RANGE,
    "delivery_success": BOOL,
}

_UNDELIVERED = (
    "EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = objects.id AND d.state <> 'delivered')"
)


def emit(call: Call, kind: str, obj: Object) -> None:
    event: Object = {
        "id": call.store.new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": call.now,
        "data": {"object": obj},
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
        "type": kind,
    }
    call.store.insert(event)
    deliveries.plan(call.store, event["id"])


def retrieve(call: Call, identifier: str) -> Object:
    return with_pending(call.store, call.get("event", identifier))


def list_events(call: Call) -> Object:
    conditions = call.matching("type")
    if types := call.params.get("types"):
        marks = ", ".join("?" * len(types))
        conditions.append((f"json_extract(body, '$.type') IN ({marks})", types))
    if "delivery_success" in call.params:
        wanted = call.params["delivery_success"]
        conditions.append((f"{'NOT ' if wanted else ''}{_UNDELIVERED}", ()))
    answer = call.page("event", "/v1/events", conditions)
    answer["data"] = [with_pending(call.store, event) for event in answer["data"]]
    return answer


def with_pending(store: Store, event: Object) -> Object:
    """The count is of now, not of when the event was made."""
    waiting = store.run(
        "SELECT count(DISTINCT endpoint_id) FROM deliveries "
        "WHERE event_id = ? AND state IN ('pending', 'sending')",
        event["id"],
    )
    return {**event, "pending_webhooks": waiting[0][0]}
