"""What can be done to many things at once: each storey registers its own actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models

from accounts.models import Organization, User

_registered: dict[str, BulkAction] = {}


@dataclass(frozen=True, slots=True)
class BulkAction:
    """One action on many things of one organization.

    `label` is what a button says ("Revoke API keys"), `noun` the things in plural. Members whose
    role has `permission` may ask for it. `find` returns a thing of the organization, or None;
    `name_of` says what a list calls it.

    `work` does it to one thing by calling the service that a page would call for it. It runs in
    the transaction of the item's result and may run again after a rollback, so it must not call
    the network: a vendor's answer cannot be rolled back. It commits an intent row instead
    (`requested`), whose own task calls the vendor. A `DomainError` is the item's result.

    A text among the parameters is free text, as a reason is: the name of somebody who is forgotten
    is taken out of it, also while the job is under way.
    """

    name: str
    label: str
    noun: str
    permission: str
    find: Callable[[Organization, UUID], models.Model | None]
    name_of: Callable[[Any], str]
    work: Callable[[Any, Mapping[str, Any], User], object]


def register(*actions: BulkAction) -> None:
    """Make actions known by their names, from the `receivers` of the storey they belong to."""
    for action in actions:
        assert _registered.get(action.name, action) == action, f"two actions are {action.name}"
        _registered[action.name] = action


def action_of(name: str) -> BulkAction | None:
    """Return an action by its name; None for one that was there when its job was begun."""
    return _registered.get(name)
