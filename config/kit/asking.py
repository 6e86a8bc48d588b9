"""Asking before acting: what an action of staff is, the page that asks, the POST that does it.

unfold's own actions are GET links that check nothing. An `AskedAction` names its permission,
shows what will happen and to how many, and then calls a service on POST.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import quote, unquote
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timezone import now
from unfold.widgets import UnfoldAdminTextareaWidget

from config.kit.errors import DomainError
from config.kit.ids import as_uuid
from config.kit.sheets import stream_csv

BULK_LIMIT = 500
REMEMBERED = 24 * 3600
"""Seconds for which what a confirmed page said is told again."""
DONE_BEFORE = "This was confirmed before, and done once."


def _always(_: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class AskedAction:
    """One thing staff may do to a row: asked on a page, done by a service, on POST only.

    `effect` is the sentence the page shows. `work` takes the row and the reason, or with a `form`
    of its own what that asked, as a dict; it raises a `DomainError` to refuse. `applies` hides the
    action where it would do nothing. With `leads_to`, which makes an address of what `work`
    returned, it is offered for one row at a time and ends on a page with a link there.
    """

    name: str
    title: str
    permission: str
    effect: str
    work: Callable[[Any, Any], object]
    applies: Callable[[Any], bool] = _always
    needs_reason: bool = True
    danger: bool = False
    icon: str = "bolt"
    form: type[forms.Form] | None = None
    leads_to: Callable[[Any], str] | None = None

    def ask(self, request: HttpRequest, *, is_answered: bool) -> forms.Form | None:
        """Return the form of the page, filled in once it is answered; None without questions."""
        kind = self.form or (ReasonForm if self.needs_reason else None)
        return kind(request.POST if is_answered else None) if kind else None

    def answers(self, form: forms.Form | None) -> Any:
        """Return what `work` takes from a valid form."""
        if form is None:
            return ""
        return form.cleaned_data if self.form else form.cleaned_data["reason"]


@dataclass(frozen=True, slots=True)
class Export:
    """A CSV of the chosen rows. `record` writes the fact of the export to the audit trail."""

    permission: str
    columns: dict[str, str]
    record: Callable[..., object]
    name: str = "export_csv"
    title: str = "Export as CSV"


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of a confirmed page: messages with their level, and where it leads to, if anywhere."""

    said: list[tuple[int, str]]
    address: str


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        help_text="Kept in the audit trail for good: name no secret and no personal detail.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


def ask_about_one(
    page: Any, request: HttpRequest, object_id: str, asked: AskedAction
) -> HttpResponse:
    if not request.user.has_perm(asked.permission):
        raise PermissionDenied
    row = page.get_object(request, unquote(object_id))
    if row is None:
        raise Http404
    rows = [row] if asked.applies(row) else []
    back = reverse(_name(page, "change"), args=[quote(row.pk)])
    confirmed = request.method == "POST"
    form = asked.ask(request, is_answered=confirmed)
    if confirmed and (form is None or form.is_valid()):
        done = _once(request, lambda: _carry_out(page, asked, rows, asked.answers(form)))
        if done.address:
            return _way_on(page, request, asked, address=done.address, back=back)
        return HttpResponseRedirect(back)
    return _question(page, request, asked, rows=rows, form=form, total=1, back=back)


def ask_about_many(
    page: Any, request: HttpRequest, queryset: Any, *, asked: AskedAction
) -> HttpResponse | None:
    """Run as one of Django's list actions: the first POST asks, the second does it."""
    chosen = list(queryset[: BULK_LIMIT + 1])
    if len(chosen) > BULK_LIMIT:
        messages.error(request, f"At most {BULK_LIMIT} rows at a time. Narrow the filter.")
        return None
    confirmed = "confirmed" in request.POST
    form = asked.ask(request, is_answered=confirmed)
    rows = [row for row in chosen if asked.applies(row)]
    if confirmed and (form is None or form.is_valid()):
        _once(request, lambda: _carry_out(page, asked, rows, asked.answers(form)))
        return None
    back = request.get_full_path()
    return _question(page, request, asked, rows=rows, form=form, total=len(chosen), back=back)


def _once(request: HttpRequest, work: Callable[[], _Done]) -> _Done:
    """Do what a page asked about and say so; the same page sent again is only told the same.

    A second click waits until the first one's transaction has ended. That it was done stands in
    Django's own log of the admin, written with the work or not at all; the cache only remembers
    what was said.
    """
    once = str(as_uuid(request.POST.get("once")) or uuid4())
    name = f"asked:{request.user.pk}:{once}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        mark = {"user_id": request.user.pk, "object_id": once, "action_flag": CHANGE}
        if LogEntry.objects.filter(**mark).exists():
            done: _Done = cache.get(name) or _Done([(messages.INFO, DONE_BEFORE)], "")
        else:
            done = work()
            LogEntry.objects.create(**mark, object_repr="A question answered")
            cache.set(name, done, REMEMBERED)
    for level, text in done.said:
        messages.add_message(request, level, text)
    return done


def _carry_out(page: Any, asked: AskedAction, rows: list[Any], answers: Any) -> _Done:
    """Do the work row by row; a row that refuses is named and does not stop the others."""
    made: list[object] = []
    said: list[tuple[int, str]] = []
    for row in rows:
        try:
            with transaction.atomic():
                made.append(asked.work(row, answers))
        except DomainError as refusal:
            said.append((messages.ERROR, f"{row}: {refusal.detail}"))
    if made:
        noun = page.opts.verbose_name if len(made) == 1 else page.opts.verbose_name_plural
        said.append((messages.SUCCESS, f"{asked.title}: done for {len(made)} {noun}."))
    address = asked.leads_to(made[0]) if asked.leads_to is not None and made else ""
    return _Done(said, address)


def _way_on(
    page: Any, request: HttpRequest, asked: AskedAction, *, address: str, back: str
) -> HttpResponse:
    facts = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": asked.title,
        "address": address,
        "back": back,
    }
    return TemplateResponse(request, "backoffice/way_on.html", facts)


def _question(
    page: Any,
    request: HttpRequest,
    asked: AskedAction | Export,
    *,
    form: forms.Form | None,
    total: int,
    back: str,
    rows: list[Any],
    effect: str = "",
) -> HttpResponse:
    facts = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": asked.title,
        "asked": asked,
        "effect": effect or getattr(asked, "effect", ""),
        "danger": getattr(asked, "danger", False),
        "form": form,
        "total": total,
        "count": len(rows) if rows or not effect else total,
        "skipped": total - len(rows) if not effect else 0,
        "rows": rows[:20],
        "unseen": max(0, len(rows) - 20),
        "back": back,
        "hidden": _carried(request),
        "once": uuid4(),
    }
    status = 422 if form is not None and form.is_bound else 200
    return TemplateResponse(request, "backoffice/confirm.html", facts, status=status)


def _carried(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the fields that name the chosen rows, for the second POST of a list action."""
    names = ("action", "select_across", "index", ACTION_CHECKBOX_NAME)
    return [(name, value) for name in names for value in request.POST.getlist(name)]


def ask_for_export(
    page: Any, request: HttpRequest, queryset: Any, *, export: Export
) -> StreamingHttpResponse | HttpResponse:
    total = queryset.count()
    if "confirmed" in request.POST:
        return _csv(page, request, queryset, export, total)
    effect = "The file leaves the back office; who took it, when and how many rows is recorded."
    back = request.get_full_path()
    return _question(
        page, request, export, form=None, total=total, back=back, rows=[], effect=effect
    )


def _csv(
    page: Any, request: HttpRequest, queryset: Any, export: Export, total: int
) -> StreamingHttpResponse:
    """Send the rows as they are read, a few thousand in memory, however many there are."""
    name = page.opts.model_name
    export.record(f"{name}.exported", request.user, table=page.opts.db_table, rows=total)
    response = StreamingHttpResponse(
        _sent(queryset, export.columns), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}-{now():%Y%m%d-%H%M}.csv"'
    return response


def _sent(queryset: Any, columns: dict[str, str]) -> Iterator[bytes]:
    """Yield the file. The request's transaction is over by then, so this reads in its own."""
    shown = [(title, itemgetter(place)) for place, title in enumerate(columns)]
    rows = queryset.values_list(*columns.values())
    with transaction.atomic():
        yield from stream_csv(shown, rows.iterator(chunk_size=2000))


def _name(page: Any, view: str) -> str:
    return f"admin:{page.opts.app_label}_{page.opts.model_name}_{view}"
