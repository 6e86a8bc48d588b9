"""Every operation of the OpenAPI document, good bodies for them, and what the database holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import orjson
from django.apps import apps
from django.db import connection
from django.utils.timezone import now
from drf_spectacular.generators import SchemaGenerator

from billing.models import Price
from tests.conftest import WalledClient
from tests.factories.licensing import trial_product
from tests.house.conftest import Standing

STOREYS = ("accounts", "billing", "licensing", "cloud", "iot", "support")
# Trails of the request itself: refusals and replays may leave a line there.
TRAILS = {"accounts_auditlog", "accounts_idempotencyrecord"}
Row = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation: `DELETE /api/v1/keys/{key_id}`."""

    method: str
    path: str
    facts: Row

    @property
    def name(self) -> str:
        return str(self.facts["operationId"])

    @property
    def takes_a_body(self) -> bool:
        return "requestBody" in self.facts

    @property
    def fields(self) -> set[str]:
        """Names that its input has."""
        if not self.takes_a_body:
            return set()
        shape = self.facts["requestBody"]["content"]["application/json"]["schema"]
        return set(schemas()[shape["$ref"].rpartition("/")[2]]["properties"])

    @property
    def parameters(self) -> dict[str, Row]:
        return {each["name"]: each for each in self.facts.get("parameters", ())}

    def address(self, things: dict[str, object]) -> str:
        return self.path.format(**things)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


@lru_cache(maxsize=1)
def document() -> Row:
    made: Row = SchemaGenerator().get_schema(request=None, public=True)
    return made


def schemas() -> Row:
    found: Row = document()["components"]["schemas"]
    return found


def operations() -> list[Operation]:
    return [
        Operation(method, path, facts)
        for path, methods in document()["paths"].items()
        for method, facts in methods.items()
    ]


def table_names() -> list[str]:
    models = [model for app in STOREYS for model in apps.get_app_config(app).get_models()]
    return sorted({model._meta.db_table for model in models} - TRAILS)


def stored() -> dict[tuple[str, str], Row]:
    """Return every row of every table of ours, by its table and its whole primary key."""
    parts = [
        f"SELECT '{name}', coalesce(to_jsonb(t)->>'id', to_jsonb(t)::text), to_jsonb(t)::text FROM \"{name}\" t"
        for name in table_names()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {(table, key): orjson.loads(row) for table, key, row in cursor.fetchall()}


def differences(before: dict[tuple[str, str], Row], after: dict[tuple[str, str], Row]) -> list[Any]:
    """Return what came, went or changed, by table and column."""
    come = sorted((table, "+") for table, _ in after.keys() - before.keys())
    gone = sorted((table, "-") for table, _ in before.keys() - after.keys())
    changed = sorted(
        (key[0], column)
        for key in before.keys() & after.keys()
        for column, value in after[key].items()
        if before[key][column] != value
    )
    return [*come, *gone, *changed]


def signed_in(standing: Standing) -> WalledClient:
    """Return Alice's client after its first request, so that the next one stores no sign of life."""
    client = standing.people.client(standing.people.alice)
    client.get("/api/v1/me")
    return client


def column_names() -> set[str]:
    models = [model for app in STOREYS for model in apps.get_app_config(app).get_models()]
    return {
        name
        for model in models
        for each in model._meta.concrete_fields
        for name in (each.name, each.attname)
    }


def _price(standing: Standing) -> str:
    return str(Price.objects.get(product__slug=standing.things["slug"]).pk)


def _trial_price(standing: Standing) -> str:
    return str(Price.objects.get(product__trials=standing.things["trial_id"]).pk)


def _call(standing: Standing) -> Row:
    key = str(standing.things["key_id"])
    return {"key_id": key, "endpoint": "/a", "method": "GET", "status_code": 200, "latency_ms": 1}


GOOD: dict[str, Callable[[Standing], Row]] = {
    "calls_create": lambda standing: {"calls": [_call(standing)]},
    "keys_create": lambda standing: {"name": "New"},
    "keys_rotate": lambda standing: {"overlap_hours": 1},
    "orders_create": lambda standing: {"price": _price(standing)},
    "organization_invitations_create": lambda standing: {"emails": ["new@example.com"]},
    "organization_transfer": lambda standing: {
        "confirm": "Northwind", "member": str(standing.things["membership_id"])
    },
    "organizations_create": lambda standing: {"name": "Eastwind"},
    "trials_convert": lambda standing: {"price": _trial_price(standing)},
    "trials_create": lambda standing: {"product": trial_product().slug, "name": "Second"},
    "trials_keys_create": lambda standing: {"name": "Second"},
    "webhooks_endpoints_create": lambda standing: {
        "url": "https://1.1.1.1/hook", "event_types": ["*"]
    },
    "webhooks_endpoints_replay": lambda standing: {
        "since": (now() - timedelta(days=1)).isoformat()
    },
}  # fmt: skip
"""Bodies that are accepted, for the operations that create or act and take one."""
