"""One request being answered: its parameters, its clock, the events it causes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from billing.standins.stripe import errors
from billing.standins.stripe.store import Object, Store

_EXPANDABLE = {
    "balance_transaction",
    "charge",
    "customer",
    "default_payment_method",
    "latest_charge",
    "payment_intent",
    "payment_method",
    "setup_intent",
    "source",
}
_MAX_PAGE = 100


@dataclass(slots=True)
class Call:
    store: Store
    base_url: str
    params: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def now(self) -> int:
        return self.store.now()

    def get(self, kind: str, identifier: str, *, param: str | None = None) -> Object:
        """The object, or 404 for one in the path and 400 for one named by a parameter."""
        obj = self.store.find(kind, identifier)
        if obj is None:
            noun = kind.replace(".", " ").replace("_", " ")
            if kind in ("payment_intent", "payment_method", "setup_intent"):
                noun = kind
            status = 404 if param is None else 400
            raise errors.no_such(
                noun.replace(" ", ""), identifier, param=param or "id", status=status
            )
        return obj

    def page(self, kind: str, url: str, conditions: list[tuple[str, Any]]) -> Object:
        """A list object: newest first, by cursor."""
        limit = self.params.get("limit", 10)
        if not 1 <= limit <= _MAX_PAGE:
            raise errors.invalid("limit must be between 1 and 100.", param="limit")
        newest_first = "ending_before" not in self.params
        for name, sign in (("starting_after", "<"), ("ending_before", ">")):
            if name in self.params:
                conditions = [*conditions, (f"seq {sign} ?", self._cursor(name))]
        rows = self.store.select(kind, conditions, newest_first=newest_first, limit=limit + 1)
        shown = rows[:limit]
        if not newest_first:
            shown.reverse()
        return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": shown}

    def _cursor(self, name: str) -> int:
        sequence = self.store.sequence(self.params[name])
        if sequence is None:
            raise errors.no_such("object", self.params[name], param=name, status=400)
        return sequence

    def matching(self, *names: str) -> list[tuple[str, Any]]:
        """Conditions for the list filters that were given and equal a field of the object."""
        found: list[tuple[str, Any]] = [
            (f"json_extract(body, '$.{name}') = ?", self.params[name])
            for name in names
            if name in self.params
        ]
        created = self.params.get("created")
        if isinstance(created, int):
            found.append(("created = ?", created))
        elif isinstance(created, dict):
            signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
            found += [(f"created {signs[bound]} ?", at) for bound, at in created.items()]
        return found

    def expand(self, answer: Object) -> Object:
        for path in self.params.get("expand", ()):
            self._expand(answer, path.split("."), path)
        return answer

    def _expand(self, obj: Object, path: list[str], whole: str) -> None:
        name, rest = path[0], path[1:]
        if obj.get("object") == "list" and name == "data" and rest:
            for item in obj["data"]:
                self._expand(item, rest, whole)
            return
        if name not in _EXPANDABLE or name not in obj:
            raise errors.invalid(f"This property cannot be expanded ({whole}).", param="expand")
        if isinstance(obj[name], str):
            obj[name] = self.store.find_any(obj[name])
        if rest and obj[name] is not None:
            self._expand(obj[name], rest, whole)
