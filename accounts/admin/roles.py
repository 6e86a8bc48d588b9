"""Appointing staff, and letting in a customer who lost their second factor: admins alone."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.models import User
from accounts.services.factors import reset_second_factor
from accounts.services.platform_roles import change_platform_role
from config.kit.asking import AskedAction, ReasonForm


class RoleForm(ReasonForm):
    role = forms.ChoiceField(
        choices=User.Role.choices,
        widget=UnfoldAdminSelectWidget,
        help_text="Read only: looks at every customer. Support: also does what support does. "
        "Admin: everything, also appoints staff. Customer: no back office.",
    )
    field_order = ("role", "reason")


def _change_role(user: User, answers: dict[str, Any]) -> None:
    change_platform_role(user, role=answers["role"], reason=answers["reason"])


CHANGE_ROLE = AskedAction(
    "change_role",
    "Change role",
    permission="accounts.change_role",
    effect="What they may do with the operator changes at once. They are signed out everywhere "
    "and sign in again, staff with a second factor.",
    work=_change_role,
    applies=lambda user: user.is_active and not user.is_superuser,
    form=RoleForm,
    danger=True,
    icon="badge",
)

RESET_FACTOR = AskedAction(
    "reset_factor",
    "Reset second factor",
    permission="accounts.reset_second_factor",
    effect="Their app, security keys and recovery codes are removed and they are signed out "
    "everywhere: the password alone lets them in. They are told by mail. Make sure first that "
    "it is them who asks.",
    work=lambda user, reason: reset_second_factor(user, reason=reason),
    applies=lambda user: user.enrolled and not user.has_staff_role,
    danger=True,
    icon="phonelink_erase",
)
