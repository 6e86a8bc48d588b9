"""How an entry of the audit trail reads: each field before and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

APART = "personal value, kept apart"
API_SIGN_IN = "user.api_session_began"
SIGN_INS = ("user.logged_in", API_SIGN_IN)
"""What a person looks through for sign-ins that were not theirs."""


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    before: str
    after: str

    @property
    def is_change(self) -> bool:
        return self.before != self.after


def differences(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Difference]:
    """Return the fields of both sides in the order they are stored; None is an empty text."""
    old, new = before or {}, after or {}
    names = [*old, *(name for name in new if name not in old)]
    return [Difference(name, readable(old.get(name)), readable(new.get(name))) for name in names]


def readable(value: Any) -> str:
    """Write a stored value for a person. Personal values are named by their hash, never shown."""
    if value is None:
        return ""
    if isinstance(value, dict) and "$pii" in value:
        return f"{APART} (sha256 {str(value.get('sha256', ''))[:8]})"
    if isinstance(value, dict | list):
        return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


_VERBS = {"insert": "created", "update": "changed", "delete": "deleted", "truncate": "emptied"}
# Entries that hold a row before and after; all others hold what was noted.
ROW_CHANGES = frozenset(_VERBS)
# What the general rule would say badly.
_SENTENCES = {
    "user.logged_in": "Signed in",
    "user.logged_out": "Signed out",
    "user.login_failed": "Failed sign-in",
    "user.password_changed": "Password changed",
    "user.second_factor_added": "Second factor added",
    "user.second_factor_removed": "Second factor removed",
    "impersonation.started": "Support began to look at the account",
    "impersonation.ended": "Support stopped looking at the account",
    "data_export.requested": "Copy of data requested",
    "data_export.ready": "Copy of data made",
    "data_export.downloaded": "Copy of data downloaded",
    "audit_log.exported": "Audit log exported",
    "audit_log.read": "Audit log read",
}
_NOUNS = {
    "apikey": "API key",
    "apiallowance": "API allowance",
    "billingprofile": "billing profile",
    "bulkjob": "bulk job",
    "callrecording": "recording of calls",
    "dataexport": "copy of data",
    "devicelink": "device",
    "emailaddress": "e-mail address",
    "invoiceline": "invoice line",
    "notificationrule": "notification rule",
    "orderitem": "order item",
    "savedcard": "saved card",
    "trialapikey": "trial's API key",
    "trialworkspace": "trial workspace",
    "usagerecord": "usage record",
    "webhookendpoint": "webhook endpoint",
}


def noun_of(entity_type: str) -> str:
    """Name a table as people do: `billing_invoice` is an invoice."""
    word = entity_type.partition("_")[2] or entity_type
    return _NOUNS.get(word, word.replace("_", " "))


def sentence(action: str, entity_type: str) -> str:
    """Say what was done: "Invoice changed", "License: key revealed", "Signed in"."""
    if action in _SENTENCES:
        return _SENTENCES[action]
    if action in _VERBS:
        noun = noun_of(entity_type)
        return f"{noun[:1].upper()}{noun[1:]} {_VERBS[action]}"
    subject, _, deed = action.rpartition(".")
    noun = _NOUNS.get(subject.replace("_", ""), subject.replace("_", " "))
    words = f"{noun}: {deed.replace('_', ' ')}".removeprefix(": ")
    return f"{words[:1].upper()}{words[1:]}"
