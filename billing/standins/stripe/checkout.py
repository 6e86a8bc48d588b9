"""Behind the hosted pages: reads a form, moves a session on, chooses the next page."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlsplit, urlunsplit

from billing.standins.stripe import card_form, challenge, checkout_sessions, pages, payment_methods
from billing.standins.stripe.authorization import authorize
from billing.standins.stripe.call import Call
from billing.standins.stripe.card_form import CardForm
from billing.standins.stripe.errors import StripeError
from billing.standins.stripe.store import Object, Store
from billing.standins.stripe.web import Request, Response, redirect


class Checkout:
    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url

    def answer(self, request: Request) -> Response:
        noun, _, identifier = request.path.removeprefix("/c/").partition("/")
        if asset := pages.asset(noun):
            return asset
        call = Call(self._store, self._base_url)
        views = {"pay": self._pay, "authenticate": self._authenticate, "receipts": self._receipt}
        try:
            with self._store.transaction():
                return views[noun](call, identifier, request)
        except (KeyError, StripeError):
            return pages.message("Not found", "There is no such page here.", status=404)

    def _pay(self, call: Call, identifier: str, request: Request) -> Response:
        session = checkout_sessions.current(call, call.get("checkout.session", identifier))
        if session["status"] == "expired":
            return pages.expired(session)
        if request.method == "GET":
            if session["status"] == "complete":
                return pages.finished(session)
            alert = _last_refusal(call, session)
            return pages.pay(session, self._lines(session), CardForm(), alert=alert)
        if session["status"] == "complete":
            # The second click of a double submit: it was paid once, go where the first went.
            return redirect(checkout_sessions.success_url(session))
        form = card_form.parse(call, request.body)
        if form.errors or form.card is None:
            return pages.pay(session, self._lines(session), form, status=422)
        return self._charge(call, session, form)

    def _lines(self, session: Object) -> list[Object]:
        lines: list[Object] = self._store.private(session["id"])["lines"]
        return lines

    def _charge(self, call: Call, session: Object, form: CardForm) -> Response:
        assert form.card is not None
        email = (session["customer_details"] or {}).get("email")
        details = {"name": form.name, "email": email}
        method = payment_methods.make(
            call, form.card, month=form.month, year=form.year, details=details
        )
        intent = checkout_sessions.intent_of(call, session)
        try:
            authorize(call, intent, method, may_ask_owner=True)
        except StripeError as error:
            if not error.keep:
                raise
            alert = f"{error} Nothing was charged. Try another card."
            return pages.pay(session, self._lines(session), form, status=402, alert=alert)
        if intent["status"] == "requires_action":
            secret = intent["client_secret"]
            return redirect(f"{self._base_url}/c/authenticate/{intent['id']}?secret={secret}")
        checkout_sessions.complete(call, session, name=form.name)
        return redirect(checkout_sessions.success_url(session))

    def _authenticate(self, call: Call, identifier: str, request: Request) -> Response:
        given = parse_qs(request.query or request.body.decode("utf-8", "replace"))
        intent = challenge.find(call, identifier)
        secret = given.get("secret", [""])[0]
        if not hmac.compare_digest(secret.encode(), intent["client_secret"].encode()):
            raise KeyError(identifier)
        target = self._return_url(call, intent)
        if request.method == "POST" and intent["status"] == "requires_action":
            passed = given.get("outcome", [""])[0] == "complete"
            intent = challenge.resolve(call, identifier, passed=passed)
        elif intent["status"] == "requires_action":
            return pages.authenticate(intent, target)
        return self._after_challenge(call, intent)

    def _return_url(self, call: Call, intent: Object) -> str | None:
        private = call.store.private(intent["id"])
        if "session" in private:
            session = call.get("checkout.session", private["session"])
            return checkout_sessions.success_url(session)
        url: str | None = private.get("return_url")
        return url

    def _after_challenge(self, call: Call, intent: Object) -> Response:
        private = call.store.private(intent["id"])
        succeeded = intent["status"] == "succeeded"
        target = self._return_url(call, intent)
        if "session" in private:
            return redirect(target if succeeded and target else f"/c/pay/{private['session']}")
        if target:
            outcome = "succeeded" if succeeded else "failed"
            return redirect(
                _with(target, {intent["object"]: intent["id"], "redirect_status": outcome})
            )
        text = "You can close this page." if succeeded else "Nothing was charged."
        return pages.message("Done" if succeeded else "Not confirmed", text)

    def _receipt(self, call: Call, identifier: str, request: Request) -> Response:
        charge = call.get("charge", identifier)
        amount = pages.money(charge["amount"], charge["currency"])
        last4 = charge["payment_method_details"]["card"]["last4"]
        text = f"{amount} was paid with the test card ending in {last4}. No money moved."
        return pages.message("Receipt", text)


def _last_refusal(call: Call, session: Object) -> str:
    identifier = session["payment_intent"] or session["setup_intent"]
    intent = call.store.find_any(identifier) if identifier else None
    if intent is None:
        return ""
    error = intent.get("last_payment_error") or intent.get("last_setup_error")
    return str(error["message"]) if error else ""


def _with(url: str, extra: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join([*filter(None, [parts.query]), *(f"{k}={v}" for k, v in extra.items())])
    return urlunsplit(parts._replace(query=query))
