"""Words, figures, times and states as people read them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.kit import context
from config.kit.money import Money
from config.templatetags.ui.library import component, register

TONES = {
    "ok": "active available complete completed confirmed current delivered enabled finalized issued "
    "live ok online open paid resolved running settled succeeded success valid verified",
    "warn": "disputed draining due expiring grace grace_period incomplete over_80 overdue past_due "
    "paused refunded suspended trial_ending unverified waiting warning",
    "bad": "banned bounced error expired failed invalid over over_quota overlimit refused rejected "
    "revoked unpaid uncollectible",
    "info": "new primary trial trialing",
    "busy": "activating creating deleting pending processing provisioning queued rebooting "
    "requested requires_action sent starting stopping syncing updating",
}
_TONE_OF = {word: tone for tone, words in TONES.items() for word in words.split()}

MINUTE, HOUR, DAY = 60, 3600, 86400


@register.simple_tag
def status(code: Any, label: str = "", tone: str = "") -> SafeString:
    """Show a state as a dot and a word; tone (ok, info, warn, bad, busy, off) follows from the code.

    {% status license.status license.get_status_display %}  {% status "online" %}
    {% status "custom" "Needs a look" tone="warn" %}
    """
    word = str(code)
    return format_html(
        '<span class="pill is-{}"><span class="pill-dot" aria-hidden="true"></span>{}</span>',
        tone or _TONE_OF.get(word.lower(), "off"),
        label or word.replace("_", " ").capitalize(),
    )


@register.filter
def money(amount: Any, currency: str = "") -> str:
    """Write an amount: minor units with a currency, or anything with .minor and .currency.

    {{ invoice.total|money }}  {{ 1240|money:"EUR" }} gives €12.40
    """
    if amount is None or amount == "":
        return ""
    if not currency:
        return Money(amount.minor, amount.currency).written(_locale())
    return Money(int(amount), currency).written(_locale())


@register.filter
def number(value: float | Decimal | None) -> str:
    """Group digits and keep at most two decimals: {{ 1284.5|number }} gives 1,284.5"""
    return "" if value is None else str(format_decimal(value, "#,##0.##", locale=_babel()))


@register.filter
def initials(name: str) -> str:
    """Two letters for a monogram: {{ "Acme Robotics"|initials }} gives AR"""
    words = [word for word in str(name).replace("@", " ").split() if word[:1].isalnum()]
    letters = [word[0] for word in words[:2]] if len(words) > 1 else list("".join(words)[:2])
    return "".join(letters).upper()


def _locale() -> str:
    here = context.current()
    return here.locale if here is not None else "en"


def _babel() -> str:
    return _locale().replace("-", "_")


def day_words(moment: date) -> str:
    """Write a day as the reader's locale does; the international one is not that of "en"."""
    if _locale() == "en":
        return f"{moment:%-d %b %Y}"
    return str(format_date(moment, "medium", locale=_babel()))


def _exact(moment: date) -> str:
    if isinstance(moment, datetime):
        local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
        return f"{day_words(local)}, {local:%H:%M} {local.tzname() or ''}".strip()
    return day_words(moment)


def time_since(moment: datetime, now: datetime) -> str:
    """Return "5 min ago", "in 3 d" or "just now"."""
    seconds = (now - moment).total_seconds()
    distance = abs(seconds)
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if distance >= size:
            amount = f"{int(distance // size)} {unit}"
            return f"{amount} ago" if seconds > 0 else f"in {amount}"
    return "just now" if seconds >= 0 else "in a moment"


@register.simple_tag
def ago(moment: datetime | None, never: str = "never") -> SafeString | str:
    """Show how long ago (or how soon), with the exact time in the title.

    {% ago device.last_seen_at %}  {% ago key.last_used_at never="not used yet" %}
    """
    if moment is None:
        return never
    return _time_element(moment, time_since(moment, timezone.now()), _exact(moment))


@register.simple_tag
def moment(when: date | None, never: str = "never", time: bool = True) -> SafeString | str:
    """Show a date, and the time of day when the value has one and `time` is not False.

    {% moment license.expires_at never="does not expire" %}  {% moment row.created_at time=False %}
    """
    if when is None:
        return never
    if not isinstance(when, datetime):
        return _time_element(when, _exact(when), _exact(when))
    shown = _exact(when) if time else _exact(timezone.localtime(when).date())
    return _time_element(when, shown, f"{_exact(when)}, {time_since(when, timezone.now())}")


def _time_element(when: date, shown: str, hint: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), hint, shown)


@register.simple_tag
def copyable(value: Any, label: str = "", shown: str = "") -> SafeString:
    """Show text in mono with a copy button; `shown` may mask what is copied.

    {% copyable invoice.number label="invoice number" %}
    {% copyable license.key label="license key" shown=license.masked_key %}
    """
    text = str(value)
    return component("copyable", value=text, shown=shown or text, label=label or "text")


@register.simple_tag
def code_block(value: Any, label: str = "text") -> SafeString:
    """Show a key, a command or a list to take away, in full, with a copy button.

    {% code_block command label="install command" %}
    """
    return component("code_block", value=str(value), label=label)
