"""What an administrator changes while the house runs: typed, in groups, some of it public.

Kept by django-constance in the database, edited in the back office, read by
`accounts.services.live`. Public ones leave at /api/v1/settings/public and on pages.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Live(NamedTuple):
    """One setting: what it is until changed, what it does, whether anybody may read it.

    `kind` is a type or the name of a field below. A secret is sealed at rest and never shown.
    """

    default: Any
    description: str
    group: str
    is_public: bool = False
    kind: Any = str


LIVE: dict[str, Live] = {
    "ANNOUNCEMENT": Live(
        "", "One sentence at the top of every page of the customer site; empty shows none.",
        "Customer site", is_public=True,
    ),
    "SIGN_UP_OPEN": Live(
        True, "Whether strangers may create an account. Invited people always may.",
        "Customer site", is_public=True, kind=bool,
    ),
    "SUPPORT_EMAIL": Live(
        "", "Where customers write for help; shown in the footer.",
        "Customer site", is_public=True, kind="email",
    ),
    "TERMS_URL": Live(
        "", "Terms of service, linked in the footer.", "Customer site",
        is_public=True, kind="url",
    ),
    "PRIVACY_URL": Live(
        "", "Privacy policy, linked in the footer.", "Customer site",
        is_public=True, kind="url",
    ),
    "STATUS_URL": Live(
        "", "Status page, linked in the footer.", "Customer site", is_public=True, kind="url",
    ),
    "TRIAL_DAYS": Live(
        14, "How many days a new trial workspace lasts.", "Trials", is_public=True, kind="days",
    ),
    "ACTIVITY_DAYS": Live(
        180, "After how many days the activity of people is forgotten.", "Retention", kind="days",
    ),
    "ALERT_WEBHOOK_URL": Live(
        "", "Where alerts of the audit trail are posted as JSON {text}: a chat's incoming webhook.",
        "Alerts", kind="secret",
    ),
}  # fmt: skip

CONSTANCE_BACKEND = "constance.backends.database.DatabaseBackend"
CONSTANCE_SUPERUSER_ONLY = False
CONSTANCE_CONFIG = {
    name: (each.default, each.description, each.kind) for name, each in LIVE.items()
}
CONSTANCE_CONFIG_FIELDSETS = {
    group: tuple(name for name, each in LIVE.items() if each.group == group)
    for group in dict.fromkeys(each.group for each in LIVE.values())
}
_TEXT = {"widget": "unfold.widgets.UnfoldAdminTextInputWidget", "required": False}
CONSTANCE_ADDITIONAL_FIELDS = {
    str: ["django.forms.CharField", {**_TEXT, "max_length": 300}],
    bool: [
        "django.forms.BooleanField",
        {"widget": "unfold.widgets.UnfoldBooleanSwitchWidget", "required": False},
    ],
    "email": ["django.forms.EmailField", _TEXT],
    "url": ["django.forms.URLField", {**_TEXT, "assume_scheme": "https"}],
    "days": [
        "django.forms.IntegerField",
        {
            "widget": "unfold.widgets.UnfoldAdminIntegerFieldWidget",
            "min_value": 1,
            "max_value": 3650,
        },
    ],
    "secret": ["config.kit.forms.SecretField", {"required": False}],
}
# How long a process may go on with what it has read; a change is seen everywhere within it.
LIVE_SETTINGS_SECONDS = 10
