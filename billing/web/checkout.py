"""From an order to its payment and back: review, pay, wait, try again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.web.access import member_required
from billing.models import PaymentAttempt, SavedCard, Subscription
from billing.services import checkout, orders
from billing.services.purchases import Purchase, Stage, purchase_of, purchases
from billing.services.switching import pay_with_card
from billing.web.forms import PaymentForm
from billing.web.people import who_may
from config.kit.errors import Conflict, NotFound, Unavailable
from config.kit.live import live_page


class SeeOther(HttpResponseRedirect):
    """After a POST, go and GET another address, also one at the payment vendor."""

    status_code = 303


def _purchase(request: Any, order_id: UUID) -> Purchase:
    order = purchases(request.organization).filter(pk=order_id).first()
    if order is None:
        raise NotFound
    return purchase_of(order)


@require_GET
@member_required()
def review(request: Any, order_id: UUID) -> HttpResponse:
    """What will be paid, and with what."""
    purchase = _purchase(request, order_id)
    if purchase.stage in (Stage.PAID, Stage.CANCELLED) or _is_charging(purchase):
        return redirect("checkout_return", order_id)
    may_buy = request.membership.allows("buy")
    facts = {
        "purchase": purchase,
        "form": PaymentForm(SavedCard.objects.for_organization(request.organization)),
        "may_buy": may_buy,
        "who_may_buy": "" if may_buy else who_may(request.organization, "buy"),
    }
    return render(request, "billing/checkout_review.html", facts)


def _is_charging(purchase: Purchase) -> bool:
    """A saved card is being charged: there is nothing left to choose."""
    attempt = purchase.attempt
    return (
        purchase.stage == Stage.PROCESSING
        and attempt is not None
        and attempt.method == PaymentAttempt.Method.SAVED_CARD
    )


@transaction.non_atomic_requests
@require_POST
@member_required("buy")
def pay(request: Any, order_id: UUID) -> HttpResponse:
    """Charge the chosen card, or send the customer to the vendor's page."""
    purchase = _purchase(request, order_id)
    form = PaymentForm(SavedCard.objects.for_organization(request.organization), request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how to pay.")
        return redirect("checkout", order_id)
    try:
        return _pay(purchase, form.card)
    except Conflict as refusal:
        messages.warning(request, refusal.detail)
        return redirect("checkout_return", order_id)
    except Unavailable:
        messages.error(request, "The payment page does not answer. Nothing was charged: try again.")
        return redirect("checkout", order_id)


def _pay(purchase: Purchase, card: SavedCard | None) -> HttpResponse:
    if card is not None:
        pay_with_card(purchase.order, card, at=now())
        return redirect("checkout_return", purchase.order.pk)
    attempt = orders.pay_again(purchase.order, method=PaymentAttempt.Method.HOSTED)
    return SeeOther(checkout.open_hosted_page(attempt))


@require_GET
@member_required()
@live_page
def returned(request: Any, order_id: UUID) -> HttpResponse:
    """Where the payment stands; asks itself again until that is known."""
    purchase = _purchase(request, order_id)
    if purchase.stage == Stage.OPEN:
        return redirect("checkout", order_id)
    begun = Subscription.objects.for_organization(request.organization).filter(
        order_item__order=purchase.order
    )
    facts = {
        "purchase": purchase,
        "waiting": purchase.stage == Stage.PROCESSING,
        "subscriptions": begun.select_related("price__product"),
        "may_buy": request.membership.allows("buy"),
    }
    return render(request, "billing/checkout_return.html", facts)


@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@member_required("buy")
def cancel(request: Any, order_id: UUID) -> HttpResponse:
    """Give up an order that nothing was paid for."""
    purchase = _purchase(request, order_id)
    if request.method != "POST":
        return render(request, "billing/order_cancel.html", {"purchase": purchase})
    try:
        checkout.cancel_order(purchase.order, at=now())
    except (Conflict, Unavailable) as refusal:
        messages.error(request, refusal.detail)
        return redirect("checkout_return", order_id)
    messages.success(request, f"Order {purchase.order.number} is cancelled. Nothing was charged.")
    return redirect("billing")
