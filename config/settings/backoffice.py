"""How the back office looks: unfold with our names and colours, and its menu."""

from __future__ import annotations

from typing import Any

import environ
from django.templatetags.static import static
from django.urls import reverse_lazy

env = environ.Env()
if env.str("SWITCHYARD_PROCESS", default="command") == "backoffice":
    # Dates that sort by eye; the customer site writes them as people do.
    FORMAT_MODULE_PATH = "config.settings.formats"


def _entry(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


def _page(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(name)}


_NAVIGATION = [
    {
        "items": [
            {"title": "Overview", "icon": "space_dashboard", "link": reverse_lazy("admin:index")}
        ]
    },
    {
        "title": "Customers",
        "items": [
            _entry("Users", "person", "accounts_user"),
            _entry("Organizations", "apartment", "accounts_organization"),
            _entry("Invitations", "outgoing_mail", "accounts_invitation"),
            _entry("Notes", "sticky_note_2", "support_adminnote"),
        ],
    },
    {
        "title": "API and apps",
        "items": [
            _entry("API keys", "vpn_key", "accounts_apikey"),
            _entry("API allowances", "speed", "accounts_apiallowance"),
            _entry("Usage records", "monitoring", "billing_usagerecord"),
            _entry("Quota alerts", "notification_important", "billing_quotaalert"),
            _entry("Webhook endpoints", "webhook", "accounts_webhookendpoint"),
            _entry("Webhook deliveries", "outbox", "accounts_webhookdelivery"),
            _entry("API sessions", "devices_other", "accounts_refreshtoken"),
            _entry("Hand-overs", "swap_horiz", "accounts_bridgetoken"),
            _entry("Device codes", "pin", "accounts_deviceauthorization"),
            _entry("Client reports", "sync", "accounts_synclog"),
            _entry("Bulk jobs", "checklist", "accounts_bulkjob"),
        ],
    },
    {
        "title": "Catalogue",
        "items": [
            _entry("Products", "inventory_2", "billing_product"),
            _entry("Prices", "sell", "billing_price"),
        ],
    },
    {
        "title": "Billing",
        "items": [
            _entry("Subscriptions", "autorenew", "billing_subscription"),
            _entry("Orders", "shopping_cart", "billing_order"),
            _entry("Invoices", "receipt_long", "billing_invoice"),
            _entry("Payment attempts", "credit_card", "billing_paymentattempt"),
            _entry("Payments", "payments", "billing_transaction"),
            _entry("Ledger", "account_balance", "billing_ledgertransaction"),
            _entry("Payment events", "inbox", "billing_stripeevent"),
        ],
    },
    {
        "title": "Licensing",
        "items": [
            _entry("Licenses", "key", "licensing_license"),
            _entry("Devices", "devices", "licensing_devicelink"),
            _entry("Trials", "rocket_launch", "licensing_trialworkspace"),
        ],
    },
    {
        "title": "Audit",
        "items": [
            _entry("Audit log", "history", "accounts_auditlog"),
            _entry("Seals", "verified", "accounts_seal"),
            _entry("Trail alerts", "gpp_maybe", "accounts_trailalert"),
            _entry("Views as customer", "visibility", "accounts_impersonation"),
            _entry("Data exports", "folder_zip", "accounts_dataexport"),
        ],
    },
    {
        "title": "Operations",
        "items": [
            _page("Database health", "database", "operations_database"),
            _page("Jobs", "manufacturing", "operations_jobs"),
            _page("Backups", "backup", "operations_backups"),
            _entry("Settings", "settings", "constance_config"),
        ],
    },
]

# The customer site's tokens (static/app/app.css), in the steps that unfold asks for.
_BRAND = {
    "50": "#eef3fe", "100": "#e0eafd", "200": "#c3d5fa", "300": "#9cb9f6", "400": "#8fb2ff",
    "500": "#6f9bff", "600": "#2b5fd9", "700": "#2450bb", "800": "#20448f", "900": "#1d3a75",
    "950": "#1a2743",
}  # fmt: skip
_GREY = {
    "50": "#f7f8fa", "100": "#f1f3f6", "200": "#e2e5ea", "300": "#cfd4dc", "400": "#98a3b3",
    "500": "#566070", "600": "#3b4453", "700": "#3a424f", "800": "#272d37", "900": "#14181f",
    "950": "#0d1015",
}  # fmt: skip

UNFOLD = {
    "SITE_TITLE": "Switchyard back office",
    "SITE_HEADER": "Switchyard",
    "SITE_SUBHEADER": "Back office",
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("app/favicon.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("app/favicon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "7px",
    "COLORS": {
        "base": _GREY,
        "primary": _BRAND,
        "font": {
            "subtle-light": "#566070",
            "subtle-dark": "#98a3b3",
            "default-light": "#3b4453",
            "default-dark": "#c3cad5",
            "important-light": "#171c26",
            "important-dark": "#e6eaf0",
        },
    },
    "STYLES": [lambda request: static("backoffice/backoffice.css")],
    "DASHBOARD_CALLBACK": "config.web.desk.compose",
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("account_change_password")},
            {"title": "Security keys", "link": reverse_lazy("mfa_list_webauthn")},
            {"title": "Recovery codes", "link": reverse_lazy("mfa_view_recovery_codes")},
        ]
    },
    "SIDEBAR": {"show_search": True, "navigation": _NAVIGATION},
}
