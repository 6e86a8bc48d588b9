"""One search over everything an organization has, grouped by what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import ApiKey, Membership, Organization, WebhookEndpoint
from accounts.web.access import member_required
from billing.models import Invoice, Order, Subscription
from licensing.models import DeviceLink, License, TrialWorkspace

SHOWN = 5
MOST_CHARACTERS = 100
FEWEST_CHARACTERS = 2


@dataclass(frozen=True, slots=True)
class Hit:
    title: str
    detail: str
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind; `more` leads to the list with the same words, if there are more."""

    label: str
    icon: str
    hits: list[Hit]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """One kind of thing: its rows, how words find them, how a row is shown and where it lives.

    `listed` names a list page that takes ?q=.
    """

    label: str
    icon: str
    rows: Callable[[Organization], QuerySet[Any]]
    find: Callable[[QuerySet[Any], str], QuerySet[Any]]
    show: Callable[[Any], Hit]
    listed: str = ""
    order: tuple[str, ...] = field(default=("-id",))


def _invoices(organization: Organization) -> QuerySet[Any]:
    return Invoice.objects.for_organization(organization).exclude(number=None).exclude(number="")


KINDS: tuple[Searched, ...] = (
    Searched(
        "Licenses",
        "license",
        lambda mine: License.objects.for_organization(mine).select_related("product"),
        lambda rows, text: rows.matching(text),
        lambda row: Hit(row.product.name, row.masked_key, reverse("license", args=[row.pk])),
        listed="licenses",
    ),
    Searched(
        "Devices",
        "devices",
        lambda mine: DeviceLink.objects.for_organization(mine).select_related("license__product"),
        lambda rows, text: rows.filter(
            Q(name__icontains=text) | Q(device_id__icontains=text) | Q(hostname__icontains=text)
        ),
        lambda row: Hit(
            row.name,
            f"{row.device_id} on {row.license.product.name}",
            reverse("license", args=[row.license_id]),
        ),
    ),
    Searched(
        "Trials",
        "rocket",
        lambda mine: TrialWorkspace.objects.for_organization(mine).select_related("product"),
        lambda rows, text: rows.filter(
            Q(name__icontains=text) | Q(slug__icontains=text) | Q(product__name__icontains=text)
        ),
        lambda row: Hit(row.name, row.product.name, reverse("trial", args=[row.pk])),
    ),
    Searched(
        "API keys",
        "key",
        lambda mine: ApiKey.objects.for_organization(mine),
        lambda rows, text: rows.matching(text),
        lambda row: Hit(row.name, row.masked_key, reverse("api_key_page", args=[row.pk])),
        listed="api_keys",
    ),
    Searched(
        "Webhooks",
        "webhook",
        lambda mine: WebhookEndpoint.objects.for_organization(mine),
        lambda rows, text: rows.filter(Q(url__icontains=text) | Q(description__icontains=text)),
        lambda row: Hit(row.url, row.description, reverse("webhook", args=[row.pk])),
        listed="webhooks",
    ),
    Searched(
        "Invoices",
        "file-invoice",
        _invoices,
        lambda rows, text: rows.filter(
            Q(number__icontains=text) | Q(order__number__icontains=text)
        ),
        lambda row: Hit(str(row.number), str(row.total), reverse("invoice", args=[row.pk])),
        listed="invoices",
    ),
    Searched(
        "Orders",
        "shopping-cart",
        lambda mine: Order.objects.for_organization(mine),
        lambda rows, text: rows.filter(
            Q(number__icontains=text) | Q(items__product_name__icontains=text)
        ).distinct(),
        lambda row: Hit(row.number, row.get_status_display(), reverse("checkout", args=[row.pk])),
    ),
    Searched(
        "Subscriptions",
        "repeat",
        lambda mine: Subscription.objects.for_organization(mine).select_related("price__product"),
        lambda rows, text: rows.filter(price__product__name__icontains=text),
        lambda row: Hit(
            row.price.product.name,
            row.get_status_display(),
            reverse("subscription", args=[row.pk]),
        ),
    ),
    Searched(
        "Members",
        "users",
        lambda mine: Membership.objects.for_organization(mine).select_related("user"),
        lambda rows, text: rows.filter(
            Q(user__email__icontains=text)
            | Q(user__first_name__icontains=text)
            | Q(user__last_name__icontains=text)
        ),
        lambda row: Hit(
            row.user.full_name,
            row.user.email,
            f"{reverse('team')}?{urlencode({'q': row.user.email})}",
        ),
        listed="team",
    ),
)


@require_GET
@member_required()
def search(request: Any) -> HttpResponse:
    """Show what the words find; an id that is one of the organization's leads straight to it.

    So does the only thing that is found, unless somebody is still typing.
    """
    text = request.GET.get("q", "").replace("\x00", "").strip()[:MOST_CHARACTERS]
    exact = _by_id(request.organization, text)
    if exact is not None:
        return HttpResponseClientRedirect(exact.url) if request.htmx else redirect(exact.url)
    groups = _groups(request.organization, text)
    if not request.htmx and sum(len(group.hits) for group in groups) == 1:
        return redirect(groups[0].hits[0].url)
    facts = {"q": text, "groups": groups, "is_short": len(text) < FEWEST_CHARACTERS}
    return render(request, "config/search.html", facts)


def _by_id(organization: Organization, text: str) -> Hit | None:
    try:
        key = UUID(text)
    except ValueError:
        return None
    for kind in KINDS:
        row = kind.rows(organization).filter(pk=key).first()
        if row is not None:
            return kind.show(row)
    return None


def _groups(organization: Organization, text: str) -> list[Group]:
    if len(text) < FEWEST_CHARACTERS:
        return []
    found = []
    for kind in KINDS:
        rows = kind.find(kind.rows(organization), text).order_by(*kind.order)[: SHOWN + 1]
        hits = [kind.show(row) for row in rows]
        if hits:
            is_cut = len(hits) > SHOWN and kind.listed
            more = f"{reverse(kind.listed)}?{urlencode({'q': text})}" if is_cut else ""
            found.append(Group(kind.label, kind.icon, hits[:SHOWN], more))
    return found
