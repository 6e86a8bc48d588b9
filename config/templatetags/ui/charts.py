"""Figures as shapes: sparklines and meters drawn here, charts handed to the browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.kit.money import Money
from config.kit.sheets import Column, write_csv
from config.templatetags.ui.library import component, register
from config.templatetags.ui.text import DAY, day_words, money, number

MAX_POINTS = 720
WARN_SHARE, FULL_SHARE = 0.8, 1.0


@register.simple_tag
def spark(values: Sequence[float], width: int = 120, height: int = 34) -> SafeString | str:
    """Draw a line without axes beside a figure that says the same: {% spark history %}"""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    spread = (high - low) or 1
    last = len(values) - 1
    points = " ".join(
        f"{index * width / last:.1f},{height - 3 - (value - low) / spread * (height - 6):.1f}"
        for index, value in enumerate(values)
    )
    return component("spark", points=points, width=width, height=height)


def _share(value: float, limit: float) -> float:
    return value / limit if limit else 0.0


@register.simple_tag
def meter(value: float, limit: float = 100, label: str = "", tone: str = "") -> SafeString:
    """Draw how full something is; amber from 80 %, red from 100 % unless a tone is given.

    Without a label it is hidden from screen readers: the words beside it must say the same.

    {% meter license.seats_used license.seats label="42 of 50 seats" %}
    """
    share = _share(float(value), float(limit))
    if not tone:
        tone = "bad" if share >= FULL_SHARE else "warn" if share >= WARN_SHARE else "ok"
    return component("meter", share=f"{min(share, 1) * 100:.1f}", label=label, tone=tone)


@register.simple_tag
def usage(used: float, limit: float | None, unit: str = "", tone: str = "") -> SafeString:
    """Write "42 of 50 seats" over a meter: {% usage license.used license.seats "seats" %}"""
    return component(
        "usage",
        used=number(used),
        limit=number(limit) if limit else "",
        unit=unit,
        meter=meter(used, limit, tone=tone) if limit else "",
    )


@register.simple_tag
def bars(items: Iterable[tuple[str, str, float]]) -> SafeString:
    """Compare amounts: (label, text, value) each, against the largest: {% bars spend %}"""
    listed = list(items)
    top = max((float(value) for _, _, value in listed), default=0) or 1
    drawn = [(label, text, meter(float(value), top, tone="plain")) for label, text, value in listed]
    return component("bars", items=drawn)


@register.simple_tag
def chart_assets() -> SafeString:
    """Load what charts need, in the page's head block: {% block head %}{% chart_assets %}..."""
    return component("chart_assets")


@register.simple_tag
def chart(
    name: str,
    definition: Mapping[str, Any],
    summary: str,
    size: str = "",
    period: str = "Time",
) -> SafeString:
    """Draw a chart with a sentence and a table that say the same, as CSV too; size is short or tall.

    The definition is what static/app/charts.js describes: x (unix seconds, at most 720), kind
    (line, bar), unit (number, percent, bytes, ms, money:EUR) and series of label, values and,
    for the legend, total. The page's head block must hold chart_assets.

    {% chart "validations" definition summary="2,412 validations in 30 days" %}
    """
    x: Sequence[int] = definition["x"]
    if len(x) > MAX_POINTS:
        raise template.TemplateSyntaxError(f"chart {name}: {len(x)} points, {MAX_POINTS} at most")
    step = definition.get("step") or (x[1] - x[0] if len(x) > 1 else DAY)
    series: Sequence[Mapping[str, Any]] = definition["series"]
    unit = definition.get("unit", "number")
    body = [
        (_point(at, step), [_figure(line["values"][index], unit) for line in series])
        for index, at in enumerate(x)
    ]
    return component(
        "chart",
        data_id=f"{name}-data",
        definition={**definition, "step": step},
        series=series,
        summary=summary,
        size=size,
        period=period,
        body=body,
        sheet=_sheet(x, series, unit, period),
        sheet_name=f"{name}.csv",
    )


def _point(seconds: int, step: float) -> str:
    local = _local(seconds)
    return day_words(local) if step >= DAY else f"{day_words(local)}, {local:%H:%M}"


def _local(seconds: int) -> datetime:
    return timezone.localtime(datetime.fromtimestamp(seconds, tz=UTC))


def _sheet(x: Sequence[int], series: Sequence[Mapping[str, Any]], unit: str, period: str) -> str:
    """Write the table as a CSV that is its own address: the page has all of it, no server is asked."""
    currency = unit.removeprefix("money:") if unit.startswith("money:") else ""
    columns: list[Column] = [(period, lambda index: _local(x[index]))]
    for line in series:
        label = f"{line['label']} ({currency or unit})" if unit != "number" else line["label"]
        columns.append((label, partial(_cell, line["values"], currency)))
    return "data:text/csv;charset=utf-8," + quote(write_csv(columns, range(len(x))), safe=":,+")


def _cell(values: Sequence[float | None], currency: str, index: int) -> Decimal | float | None:
    value = values[index]
    return Money(int(value), currency).amount if currency and value is not None else value


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "no data"
    if unit.startswith("money:"):
        return money(int(value), unit.removeprefix("money:"))
    if unit == "bytes":
        return _bytes(value)
    return number(value) + {"percent": "%", "ms": " ms"}.get(unit, "")


def _bytes(value: float) -> str:
    units = ["B", "kB", "MB", "GB", "TB", "PB"]
    while abs(value) >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    digits = 1 if value < 10 and units[0] != "B" else 0
    return f"{value:.{digits}f} {units[0]}"


@register.simple_tag
def world_map(points: Iterable[Mapping[str, Any]], label: str) -> SafeString:
    """Mark places on a map; each has name, lon, lat and count. Set a table with the counts beside.

    {% world_map countries label="SIMs by country; the table beside has the same counts" %}
    """
    listed = list(points)
    top = max((point["count"] for point in listed), default=1) or 1
    dots = [
        {
            "x": f"{(point['lon'] + 180) / 360 * 1000:.1f}",
            "y": f"{(90 - point['lat']) / 180 * 500:.1f}",
            "r": f"{5 + 13 * (point['count'] / top) ** 0.5:.1f}",
            "text": format_html("{}: {}", point["name"], number(point["count"])),
        }
        for point in listed
    ]
    return component("world_map", dots=dots, label=label, land=static("vendor/world.svg"))
