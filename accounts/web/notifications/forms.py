"""The rules as a form: for each kind, the ways that it may take."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.rules.notices import Channels, Kind


class RulesForm(forms.Form):
    """One group of checkboxes a kind; `webhook` only where everybody's rules are made."""

    def __init__(self, *args: Any, kinds: list[Kind], chosen: dict[str, Channels],
                 everybody: bool, **kwargs: Any) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        offered = [("in_app", "On this site"), ("email", "By mail")]
        if everybody:
            offered.append(("webhook", "By webhook"))
        for kind in kinds:
            known = chosen[kind.name]
            self.fields[kind.name] = forms.MultipleChoiceField(
                label=kind.label,
                help_text=kind.description,
                choices=offered,
                required=False,
                widget=forms.CheckboxSelectMultiple,
                initial=[name for name, _ in offered if getattr(known, name)],
            )

    def channels(self) -> dict[str, Channels]:
        return {
            kind: Channels("in_app" in ways, "email" in ways, "webhook" in ways)
            for kind, ways in self.cleaned_data.items()
        }
