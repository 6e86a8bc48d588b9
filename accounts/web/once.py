"""What is shown once is made once: the same page sent again makes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

from django import forms

from accounts.services import idempotency

Made = TypeVar("Made")


class OnceForm(forms.Form):
    """A form with a hidden number of its own, so that a double submit is one."""

    once = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = uuid4()

    @property
    def once_key(self) -> str:
        """The number that this page was rendered with; without one each submit is another."""
        return f"page:{self.cleaned_data['once'] or uuid4()}"


def make_once(request: Any, form: OnceForm, make: Callable[[], Made]) -> Made | None:
    """Make it and write down that it was made, in one transaction; None when it was made before."""
    made: list[Made] = []

    def work() -> idempotency.Reply:
        made.append(make())
        return idempotency.Reply(200, b"", "text/plain")

    mark = idempotency.fingerprint("POST", request.path, b"")
    idempotency.run_once(request.organization, key=form.once_key, fingerprint=mark, work=work)
    return made[0] if made else None
