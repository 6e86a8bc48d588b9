"""The door of the back office: allauth's flows on pages of its own look."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account import views as account
from allauth.account.decorators import reauthentication_required
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator


class _Door:
    """Gives a view the admin's frame and the words of its page."""

    template_name = "backoffice/entry.html"
    words: ClassVar[dict[str, str]] = {}
    request: HttpRequest

    def get_context_data(self, **facts: Any) -> dict[str, Any]:
        frame = admin.site.each_context(self.request)
        return {**frame, **super().get_context_data(**facts), **self.words}


class LoginView(_Door, account.LoginView):
    words: ClassVar[dict[str, str]] = {
        "title": "Sign in",
        "lead": "For staff. A second factor is required.",
        "button": "Sign in",
    }


class LogoutView(_Door, account.LogoutView):
    words: ClassVar[dict[str, str]] = {
        "title": "Sign out",
        "lead": "You leave the back office on this browser.",
        "button": "Sign out",
    }


class ReauthenticateView(_Door, account.ReauthenticateView):
    words: ClassVar[dict[str, str]] = {
        "title": "Is it still you?",
        "lead": "This step asks for your password again.",
        "button": "Go on",
    }


class PasswordChangeView(_Door, account.PasswordChangeView):
    words: ClassVar[dict[str, str]] = {
        "title": "Change password",
        "lead": "You stay signed in on this browser.",
        "button": "Change password",
        "back": "yes",
    }


class CodeView(_Door, factor.AuthenticateView):
    words: ClassVar[dict[str, str]] = {
        "title": "Enter your code",
        "lead": "From your authenticator app, or one of your recovery codes.",
        "button": "Sign in",
        "key_lead": "Use your security key or passkey.",
        "key_button": "Use a security key",
        "leave": "Sign in as somebody else",
    }


class CodeAgainView(_Door, factor.ReauthenticateView):
    words: ClassVar[dict[str, str]] = {
        "title": "Is it still you?",
        "lead": "This step asks for a code of your authenticator app.",
        "button": "Go on",
    }


class EnrolView(_Door, totp.ActivateTOTPView):
    words: ClassVar[dict[str, str]] = {
        "title": "Set up your second factor",
        "lead": "The back office opens only with one. Scan the code with an authenticator app, "
        "then enter what the app shows.",
        "button": "Turn on",
        "other": "mfa_add_webauthn",
        "other_button": "Use a security key instead",
        "leave": "Sign out",
    }


class AddKeyView(_Door, webauthn.AddWebAuthnView):
    template_name = "backoffice/key.html"
    words: ClassVar[dict[str, str]] = {
        "title": "Add a security key",
        "lead": "A key on a chain, your phone, or the fingerprint reader of this computer.",
        "key_button": "Add key",
        "ceremony": "addForm",
        "role": "add",
    }


class KeyAgainView(_Door, webauthn.ReauthenticateWebAuthnView):
    template_name = "backoffice/key.html"
    words: ClassVar[dict[str, str]] = {
        "title": "Is it still you?",
        "lead": "This step asks for one of your security keys.",
        "key_button": "Use a security key",
        "ceremony": "authenticateForm",
        "role": "authenticate",
    }


@method_decorator(reauthentication_required(app="allauth.mfa"), name="dispatch")
class RecoveryCodesView(_Door, recovery.ViewRecoveryCodesView):
    template_name = "backoffice/recovery_codes.html"
    words: ClassVar[dict[str, str]] = {"title": "Recovery codes"}


def customers_only(request: HttpRequest) -> HttpResponse:
    """Tell a signed-in person who is no staff where they belong."""
    facts = {**admin.site.each_context(request), "title": "This is the staff entrance"}
    return render(request, "backoffice/customers_only.html", facts, status=403)
