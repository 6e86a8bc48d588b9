"""Appointing staff: one asked action for each role a person may get with the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts.models import User
from accounts.services.platform_roles import change_platform_role
from config.kit.asking import AskedAction

_EFFECTS = {
    User.Role.CUSTOMER: "They lose the back office and keep what customers have.",
    User.Role.READONLY: "They may look at every customer in the back office and change nothing.",
    User.Role.SUPPORT: "They may look at every customer and do what support does.",
    User.Role.ADMIN: "They may do everything in the back office, also appoint staff.",
}
_ENDS = "They are signed out everywhere and sign in again, staff with a second factor."


def _work(role: User.Role) -> Callable[[Any, str], object]:
    return lambda user, reason: change_platform_role(user, role=role.value, reason=reason)


def _applies(role: User.Role) -> Callable[[Any], bool]:
    return lambda user: user.is_active and not user.is_superuser and user.role != role


ROLE_ACTIONS = tuple(
    AskedAction(
        f"make_{role.value}",
        f"Make {role.label.lower()}",
        permission="accounts.change_role",
        effect=f"{effect} {_ENDS}",
        work=_work(role),
        applies=_applies(role),
        danger=role == User.Role.ADMIN,
        icon="badge",
    )
    for role, effect in _EFFECTS.items()
)
