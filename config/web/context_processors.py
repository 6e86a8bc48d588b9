"""What the shell around every page shows: menus, organization, theme, what is new.

The middleware has loaded all it needs but the number of new notifications, asked only where the
bell is drawn: one query. Where the middleware never ran (an unknown address, an outage) the shell
is that of a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.timezone import now

from accounts.services.live import live
from accounts.services.notifications.reading import count_unread

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of a menu: the name of its address, its words, and its key after `g`.

    Only members whose role has the permission `needs` see it.
    """

    name: str
    label: str
    icon: str
    key: str = ""
    needs: str = "view"


NAVIGATION = (
    ("", (Page("overview", "Overview", "layout-dashboard", "o"),)),
    (
        "Products",
        (
            Page("catalog", "Catalogue", "shopping-cart", "c"),
            Page("licenses", "Licenses", "license", "l"),
            Page("trials", "Trials", "rocket", "t"),
        ),
    ),
    (
        "Developers",
        (
            Page("api_keys", "API keys", "key", "k"),
            Page("usage", "Usage", "chart-bar", "u"),
            Page("webhooks", "Webhooks", "webhook", "w"),
            Page("api_docs", "API docs", "api", "d"),
        ),
    ),
    (
        "Account",
        (
            Page("billing", "Billing", "receipt", "b"),
            Page("team", "Team", "users", "m"),
            Page("logs", "Audit log", "history", "a", needs="view_audit"),
            Page("notifications", "Notifications", "bell", "n"),
            Page("security", "Security", "shield-lock", "s"),
            Page("profile", "Profile", "user", "p"),
        ),
    ),
)
_LINKS = (("STATUS_URL", "Status"), ("TERMS_URL", "Terms"), ("PRIVACY_URL", "Privacy"))
ACCOUNT_MENU = (
    Page("profile", "Profile", "user"),
    Page("security", "Security", "shield-lock"),
    Page("exports", "Exports", "download"),
    Page("first_steps", "First steps", "list-check"),
)
ORGANIZATION_MENU = (
    Page("organization", "Organization settings", "settings", needs="manage_organization"),
    Page("organizations", "All organizations", "building"),
)
CREATE_MENU = (
    Page("catalog", "Buy a license", "license", needs="buy"),
    Page("api_key_new", "API key", "key", needs="manage_keys"),
    Page("webhook_create", "Webhook endpoint", "webhook", needs="manage_webhooks"),
    Page("team_invite", "Invite people", "user-plus", needs="manage_team"),
    Page("organization_new", "New organization", "building", needs="manage_team"),
)
"""A reader makes nothing here."""


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return what templates/base.html and base_bare.html read."""
    theme = request.COOKIES.get("theme", "")
    facts: dict[str, Any] = {
        "theme": theme if theme in THEMES else "",
        "demo": settings.DEMO and not settings.BACKOFFICE,
        "site_name": settings.SITE_NAME,
        "footer_links": _footer(),
        "announcement": "" if settings.BACKOFFICE else live("ANNOUNCEMENT"),
    }
    if facts["demo"]:
        facts["demo_mail_url"] = reverse("demo_mail")
    look = getattr(request, "impersonation", None)
    if look is not None:
        facts |= {"look": look, "look_minutes": look.minutes_left(now())}
    membership = getattr(request, "membership", None)
    if membership is not None and not settings.BACKOFFICE:
        facts |= _for_member(request, membership)
    return facts


def _unread(membership: Any) -> int:
    try:
        return count_unread(membership)
    except DatabaseError:
        # The page that says the database is away must not ask it.
        return 0


def _footer() -> list[dict[str, str]]:
    if settings.BACKOFFICE:
        return [{"label": "Customer site", "url": settings.SITE_URL}]
    links = [{"label": "API documentation", "url": reverse("api_docs")}]
    links += [{"label": label, "url": live(name)} for name, label in _LINKS if live(name)]
    if live("SUPPORT_EMAIL"):
        links.append({"label": "Support", "url": f"mailto:{live('SUPPORT_EMAIL')}"})
    return links


def _for_member(request: HttpRequest, membership: Any) -> dict[str, Any]:
    # request.user may be another one: the API's own views know nobody without a credential.
    user = membership.user
    navigation = [{"label": name, "items": _open(pages, membership)} for name, pages in NAVIGATION]
    return {
        "navigation": [group for group in navigation if group["items"]],
        "search_url": reverse("search"),
        "notifications_url": reverse("notifications"),
        "unread": SimpleLazyObject(partial(_unread, membership)),
        "active_nav": _active(request.path),
        "create_menu": _open(CREATE_MENU, membership),
        "account_menu": _open(ACCOUNT_MENU, membership),
        "account_name": f"{user.first_name} {user.last_name}".strip(),
        "organization": membership.organization,
        "organizations": [each.organization for each in request.memberships],
        "organization_switch_url": reverse("switch_organization"),
        "organization_menu": _open(ORGANIZATION_MENU, membership),
        "membership_role": membership.get_role_display(),
    }


def _entry(page: Page) -> dict[str, str]:
    return {
        "id": page.name,
        "label": page.label,
        "icon": page.icon,
        "url": reverse(page.name),
        "key": page.key,
    }


def _open(pages: Iterable[Page], membership: Any) -> list[dict[str, str]]:
    """Return the entries that the member's role may open."""
    return [_entry(page) for page in pages if membership.allows(page.needs)]


def _active(path: str) -> str:
    """Return the entry whose address the path is under, the longest one winning."""
    names = [page.name for _, pages in NAVIGATION for page in pages]
    under = [(reverse(name), name) for name in names if _is_under(path, reverse(name))]
    return max(under, key=lambda pair: len(pair[0]))[1] if under else ""


def _is_under(path: str, url: str) -> bool:
    return path == url or (url != "/" and path.startswith(url))
