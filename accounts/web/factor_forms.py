"""Codes used once, and security keys' answers read with care: nonsense is a wrong code, not a fault."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import orjson
from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_used
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms

from accounts.rules.documents import fault_of
from accounts.services.factors import use_code

_LARGEST = 16 * 1024
"""Bytes of a credential; real ones have one or two thousand."""


class _UsesUp(BaseAuthenticateForm):
    """Codes are used up as at the API's door (`accounts.api.tokens.proving`)."""

    is_again = False

    def clean_code(self) -> str:
        forgive = check_rate_limit(self.user)
        code: str = self.cleaned_data["code"]
        used = use_code(self.user, code)
        if used is None:
            raise get_adapter().validation_error("incorrect_code")
        forgive()
        self.authenticator = used
        return code

    def save(self) -> None:
        """Do as allauth does, but for recording the use again: it would spend the next code.

        A code that was typed at the end of its half minute may be saved in the following one.
        """
        facts = {"id": self.authenticator.pk, "type": self.authenticator.type}
        if self.is_again:
            facts["reauthenticated"] = True
        record_authentication(context.request, self.user, "mfa", **facts)
        authenticator_used.send(
            sender=Authenticator,
            request=context.request,
            user=self.user,
            authenticator=self.authenticator,
            reauthenticated=self.is_again,
            passwordless=False,
        )


class UseCodeForm(_UsesUp, AuthenticateForm):
    """The second step of a sign-in."""


class CodeAgainForm(_UsesUp, ReauthenticateForm):
    """Proof that it is still the same person."""

    is_again = True


class _CredentialField(forms.CharField):
    """A JSON object that can be kept; forms.JSONField breaks on deep nesting and long numbers."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        try:
            credential = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise get_adapter().validation_error("incorrect_code") from error
        if not credential or not isinstance(credential, dict):
            raise get_adapter().validation_error("incorrect_code")
        if fault_of(credential, most=_LARGEST):
            raise get_adapter().validation_error("incorrect_code")
        return credential


class _CredentialForm(forms.Form):
    credential = _CredentialField()


class AddKeyForm(_CredentialForm, AddWebAuthnForm):
    name = forms.CharField(required=False, max_length=80)

    def clean(self) -> dict[str, Any]:
        return _reading(super().clean)


class _ReadsWithCare(_CredentialForm):
    def clean_credential(self) -> Authenticator:
        return _reading(super().clean_credential)  # type: ignore[misc]


class UseKeyForm(_ReadsWithCare, AuthenticateWebAuthnForm):
    """The second step of a sign-in."""


class LoginKeyForm(_ReadsWithCare, LoginWebAuthnForm):
    """A passkey as the only step."""


class KeyAgainForm(_ReadsWithCare, ReauthenticateWebAuthnForm):
    """Proof that it is still the same person."""


def _reading(work: Callable[[], Any]) -> Any:
    """Run `work`, which parses what came from outside; anything it trips over is a wrong code."""
    try:
        return work()
    except (AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise get_adapter().validation_error("incorrect_code") from error
