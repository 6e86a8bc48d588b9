"""The pages a buyer sees: pay, prove it is you, paid, expired, receipt."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from billing.standins.stripe import cards, checkout_sessions
from billing.standins.stripe.card_form import CardForm
from billing.standins.stripe.store import Object
from billing.standins.stripe.web import Response

_FILES = Path(__file__).parent / "html"
_TEMPLATES = {
    path.stem: Template(path.read_text(encoding="utf-8")) for path in _FILES.glob("*.html")
}
_ASSETS = {
    "checkout.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_SYMBOLS: Final = {"eur": "€", "gbp": "£", "usd": "$"}
_NO_DECIMALS: Final = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"}
    | {"pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
_THREE_DECIMALS: Final = frozenset(("bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"))


def money(amount: int, currency: str) -> str:
    """An amount in minor units as a person reads it."""
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    whole, part = divmod(amount, 10**decimals)
    number = f"{whole:,}" + (f".{part:0{decimals}}" if decimals else "")
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{number}" if symbol else f"{currency.upper()} {number}"


def asset(name: str) -> Response | None:
    if name not in _ASSETS:
        return None
    headers = {"Content-Type": _ASSETS[name], "Cache-Control": "public, max-age=300"}
    return Response(200, (_FILES / name).read_bytes(), headers)


def pay(
    session: Object, lines: list[Object], form: CardForm, *, status: int = 200, alert: str = ""
) -> Response:
    paying = session["mode"] == "payment"
    total = money(session["amount_total"], session["currency"]) if paying else ""
    details = session["customer_details"] or {}
    content = _TEMPLATES["pay"].substitute(
        alert=_alert(alert or ("Check the marked fields." if form.errors else "")),
        heading=f"Pay {escape(total)}" if paying else "Save a card",
        lead=_lead(details.get("email"), paying=paying),
        lines=_line_rows(lines, total) if paying else "",
        action=escape(f"/c/pay/{session['id']}"),
        fields="".join(_field(form, spec) for spec in _FIELDS),
        button=f"Pay {escape(total)}" if paying else "Save card",
        cancel=_cancel(session["cancel_url"]),
        cards="".join(_card_row(card) for card in cards.CARDS),
    )
    title = "Pay" if paying else "Save a card"
    if alert or form.errors:
        title = f"Error: {title}"
    return _page(title, content, status=status, targets=[session["success_url"]])


def finished(session: Object) -> Response:
    paid = session["mode"] == "payment"
    text = "This payment is already complete. Nothing was charged again."
    return message(
        "Already paid" if paid else "Card already saved",
        text if paid else "This card is already saved. There is nothing left to do.",
        link=(checkout_sessions.success_url(session), "Back to the shop"),
    )


def expired(session: Object) -> Response:
    link = (session["cancel_url"], "Back to the shop") if session["cancel_url"] else None
    text = "This page was open too long or was closed by the shop. Nothing was charged."
    return message("This page has expired", text, link=link, status=410)


def message(
    heading: str, text: str, *, link: tuple[str, str] | None = None, status: int = 200
) -> Response:
    anchor = (
        f'<p><a class="button" href="{escape(link[0])}">{escape(link[1])}</a></p>' if link else ""
    )
    content = _TEMPLATES["message"].substitute(
        heading=escape(heading), text=escape(text), link=anchor
    )
    return _page(heading, content, status=status)


def authenticate(intent: Object, target: str | None) -> Response:
    paying = intent["object"] == "payment_intent"
    what = f"pay {money(intent['amount'], intent['currency'])}" if paying else "save this card"
    content = _TEMPLATES["authenticate"].substitute(
        what=escape(what),
        action=escape(f"/c/authenticate/{intent['id']}"),
        secret=escape(intent["client_secret"]),
    )
    return _page("Is it you?", content, targets=[target] if target else [])


def _page(
    title: str, content: str, *, status: int = 200, targets: list[str] | None = None
) -> Response:
    body = _TEMPLATES["layout"].substitute(title=escape(title), content=content)
    # Chromium applies form-action to the redirect after a POST as well, so the shop is named.
    shops = [f" {parts.scheme}://{parts.netloc}" for parts in map(urlsplit, targets or [])]
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action 'self'{''.join(shops)}"
    )
    return Response(
        status,
        body.encode(),
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


class _Field(NamedTuple):
    name: str
    label: str
    hint: str
    autocomplete: str
    input_mode: str
    example: str


_TRY = "4242 4242 4242 4242 pays; more test cards are listed below."
_FIELDS = (
    _Field("number", "Card number", _TRY, "cc-number", "numeric", "4242 4242 4242 4242"),
    _Field("expiry", "Expiry", "Month and year", "cc-exp", "text", "12 / 34"),
    _Field("cvc", "Security code", "Three or four digits", "cc-csc", "numeric", "123"),
    _Field("name", "Name on card", "", "cc-name", "text", "Alex Example"),
)


def _field(form: CardForm, spec: _Field) -> str:
    name, hint = spec.name, spec.hint
    error = form.errors.get(name, "")
    notes = [f"{name}-hint"] * bool(hint) + [f"{name}-error"] * bool(error)
    described_by = " ".join(notes)
    described = f' aria-describedby="{described_by}"' if notes else ""
    value = "" if name == "cvc" else getattr(form, name)
    invalid = ' aria-invalid="true"' if error else ""
    return (
        f'<div class="field field-{name}"><label for="{name}">{spec.label}</label>'
        f'<input id="{name}" name="{name}" value="{escape(value)}" required'
        f' autocomplete="{spec.autocomplete}" inputmode="{spec.input_mode}"'
        f' placeholder="{spec.example}" maxlength="100"'
        f"{described}{invalid}>"
        + (f'<p class="hint" id="{name}-hint">{hint}</p>' if hint else "")
        + (f'<p class="error" id="{name}-error">{escape(error)}</p>' if error else "")
        + "</div>"
    )


def _alert(text: str) -> str:
    return f'<p class="alert" role="alert">{escape(text)}</p>' if text else ""


def _lead(email: str | None, *, paying: bool) -> str:
    if email:
        return escape(f"{'Receipt' if paying else 'Account'}: {email}")
    return "" if paying else "For later payments. Nothing is charged now."


def _line_rows(lines: list[Object], total: str) -> str:
    rows = "".join(
        f"<div><dt>{escape(line['description'] or 'Item')}"
        + (f" (x{line['quantity']})" if line["quantity"] > 1 else "")
        + f"</dt><dd>{escape(money(line['amount_total'], line['currency']))}</dd></div>"
        for line in lines
    )
    total_row = f'<div class="total"><dt>Total due today</dt><dd>{escape(total)}</dd></div>'
    return f'<dl class="lines">{rows}{total_row}</dl>'


def _cancel(url: str | None) -> str:
    return f'<a class="cancel" href="{escape(url)}">Cancel and go back</a>' if url else ""


def _card_row(card: cards.Card) -> str:
    number = " ".join(card.number[at : at + 4] for at in range(0, len(card.number), 4))
    return f'<tr><td class="number">{number}</td><td>{escape(card.label)}</td></tr>'
