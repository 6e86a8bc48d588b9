"""The catalogue and the page where one product is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.web.access import member_required, require
from billing.models import BillingProfile, Interval, Price, Product
from billing.rules.orders import MOST
from billing.services import orders
from billing.services.customers import profile_of
from billing.services.quotes import Quote, quote
from billing.web.forms import PER, PurchaseForm, price_words
from billing.web.people import who_may
from config.kit.errors import DomainError, NotFound

KINDS = {
    Product.Kind.LICENSE: "Licenses",
    Product.Kind.VM: "Cloud servers",
    Product.Kind.API: "API access",
    Product.Kind.SIM: "IoT SIMs",
    Product.Kind.HARDWARE: "Hardware",
}
INTERVALS = [Interval.MONTHLY, Interval.YEARLY, Interval.HOURLY, Interval.ONE_OFF]


def on_shelf(currency: str) -> list[Any]:
    """Products on sale in a currency, each with its `offers` in the order of INTERVALS."""
    prices = Price.objects.filter(is_active=True).in_currency(currency)
    products = Product.objects.on_sale().prefetch_related(
        Prefetch("prices", prices, to_attr="offers")
    )
    for product in products:
        product.offers.sort(key=lambda price: INTERVALS.index(price.interval))
    return [product for product in products if product.offers]


@require_GET
@member_required()
def catalog(request: Any) -> HttpResponse:
    """All that is sold, by kind, at monthly or yearly prices."""
    profile = profile_of(request.organization)
    interval = Interval.YEARLY if request.GET.get("interval") == "yearly" else Interval.MONTHLY
    shelf = sorted(on_shelf(profile.currency), key=lambda each: list(KINDS).index(each.kind))
    kinds = [
        (KINDS[Product.Kind(kind)], [_offer(product, interval) for product in products])
        for kind, products in groupby(shelf, key=lambda product: product.kind)
    ]
    offered = {price.interval for product in shelf for price in product.offers}
    facts = {
        "kinds": kinds,
        "interval": interval,
        "has_both": {Interval.MONTHLY, Interval.YEARLY} <= offered,
        "currency": profile.currency,
    }
    return render(request, "billing/catalog.html", facts)


def _offer(product: Any, interval: str) -> dict[str, Any]:
    """The price to show, in the wanted interval where there is one, and the other beside it."""
    wanted = [price for price in product.offers if price.interval == interval]
    shown = (wanted or product.offers)[0]
    others = [price for price in product.offers if price is not shown]
    return {
        "product": product,
        "price": shown,
        "per": ", or ".join([PER[shown.interval], *[price_words(price) for price in others]]),
        "key": str(shown.pk),
        "saving": _saving(product.offers) if shown.interval == Interval.YEARLY else "",
    }


def _saving(offers: Sequence[Price]) -> str:
    """How much less a year costs than twelve months, in whole percent, rounded down."""
    amounts = {price.interval: price.unit_amount_minor for price in offers}
    months = amounts.get(Interval.MONTHLY, 0) * 12
    percent = (months - amounts[Interval.YEARLY]) * 100 // months if months else 0
    return f"Save {percent}%" if percent > 0 else ""


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def product(request: Any, slug: str) -> HttpResponse:
    """Choose interval and quantity, see the total with VAT, order."""
    profile = profile_of(request.organization)
    found = next((each for each in on_shelf(profile.currency) if each.slug == slug), None)
    if found is None:
        raise NotFound("This product is not on sale.")
    asked = request.POST or (request.GET if "quantity" in request.GET else None)
    form = PurchaseForm(found.offers, asked)
    if request.method == "POST":
        require(request, "buy")
        if form.is_valid() and "update" not in request.POST:
            placed = _place(request, form)
            if placed is not None:
                return redirect("checkout", placed.pk)
    facts = {"product": found, "form": form, "profile": profile, **_summary(form, profile)}
    facts["may_buy"] = request.membership.allows("buy")
    if not facts["may_buy"]:
        facts["who_may_buy"] = who_may(request.organization, "buy")
    return render(request, "billing/product.html", facts, status=_status(request, form))


def _place(request: Any, form: PurchaseForm) -> Any:
    """Order what the form says; a refusal is shown on the form."""
    try:
        return orders.place_order(
            request.organization,
            price=form.chosen,
            quantity=form.cleaned_data["quantity"],
            client_key=form.client_key,
            placed_by=request.user,
            at=now(),
        )
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        return None


def _summary(form: PurchaseForm, profile: BillingProfile) -> dict[str, Any]:
    """What the choice comes to; a first visit is shown the first price, once."""
    price, quantity = next(iter(form.prices.values())), 1
    if form.is_bound:
        if not form.is_valid() and {"price", "quantity"} & set(form.errors):
            return {"quote": None}
        price, quantity = form.chosen, form.cleaned_data["quantity"]
    net = price.unit_amount * quantity
    bill: Quote | None = quote(profile, net, now()) if profile.country else None
    return {"quote": bill, "net": net, "price": price, "quantity": quantity, "most": MOST}


def _status(request: Any, form: PurchaseForm) -> int:
    return 422 if request.method == "POST" and form.errors else 200
