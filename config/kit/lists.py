"""Lists of the dashboard: tabs with counts, search, sorting, pages and CSV, all in the address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TextIO
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.functional import cached_property
from django.utils.timezone import now
from django.views import View

from config.kit.errors import DomainError, Forbidden, NotFound
from config.kit.sheets import Column, write_csv, write_rows

SIZES = (25, 50, 100, 250)
MOST_ANSWERED = 50_000
"""Rows of a CSV that is written while its reader waits; a longer one is made by a worker."""

MOST_WRITTEN = 2_000_000
MOST_COUNTED = 10_000
_STEPS = ("page", "size", "export")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ExportTooLarge(DomainError):
    code = "export_too_large"
    status = 422
    message = f"More than {MOST_WRITTEN:,} rows match. Narrow the filter and export again."


class SheetRequest(HttpRequest):
    """A request for all rows of a list, as one person and as of a moment: they go to `sheet`.

    It passes the same guards as the person's own; `written` says how many rows there were. Without
    a sheet it only asks the guards.
    """

    def __init__(
        self,
        sheet: TextIO | None,
        *,
        path: str,
        query: str,
        at: datetime,
        user: Any,
        membership: Any,
    ) -> None:
        super().__init__()
        self.method = "GET"
        self.path = self.path_info = path
        self.GET = QueryDict(query)
        self.user, self.membership = user, membership
        self.organization = membership and membership.organization
        self.at, self.sheet, self.written = at, sheet, -1


def filters_of(query: QueryDict) -> str:
    """Return what an address says of which rows and in which order, and nothing else."""
    kept = [(name, values) for name, values in query.lists() if name not in _STEPS]
    return urlencode(kept, doseq=True)


def list_at(path: str) -> ResolverMatch | None:
    """Return the list that a path of the site opens; None where there is none."""
    try:
        found = resolve(path)
    except Resolver404:
        return None
    page = getattr(found.func, "view_class", None)
    return found if page is not None and issubclass(page, ListPage) else None


def ask_list(request: SheetRequest) -> int:
    """Let the list at the request's path write its rows; return how many.

    Raises `NotFound` and `Forbidden` as the page itself would, and `ExportTooLarge`.
    """
    found = list_at(request.path)
    if found is None:
        raise NotFound
    found.func(request, *found.args, **found.kwargs)
    if request.written < 0:  # led elsewhere, as to the page of signing in
        raise Forbidden
    return request.written


@dataclass(frozen=True, slots=True)
class Tab:
    """One state of a list. The first tab of a page has an empty key and shows everything."""

    key: str
    label: str
    condition: Q | None = None


@dataclass(frozen=True, slots=True)
class ShownTab:
    key: str
    label: str
    count: int
    is_more: bool = False


class CappedPaginator(Paginator):
    """Counts to 10,000 and no further, so that a list of millions opens at once."""

    @cached_property
    def counted(self) -> int:
        rows: Any = self.object_list
        return count_capped(rows)

    @cached_property
    def count(self) -> int:
        return min(self.counted, MOST_COUNTED)

    @property
    def is_more(self) -> bool:
        return self.counted > MOST_COUNTED


def count_capped(rows: QuerySet[Any]) -> int:
    """Count to one more than `MOST_COUNTED`, which stands for "more"."""
    return rows.order_by()[: MOST_COUNTED + 1].count()


class ListPage(View):
    """A list whose state is its address: ?status= ?q= ?sort= ?page= ?size= and ?export=csv.

    A page says `template_name`, `rows()`, and what it offers of `tabs()`, `search()`, `sorts`
    (name in the address to fields, ascending) and `columns` of the CSV. The template gets `page`,
    `tabs`, `status`, `total`, `q`, `is_filtered`, `export_query` and what `facts()` adds.
    Two queries: the counts of all tabs, and the rows of one page. A list that `may_be_long` counts
    each tab by itself, to `MOST_COUNTED` and no further; its pages end there, its CSV does not.
    """

    template_name: ClassVar[str]
    file_name: ClassVar[str] = "export"
    sorts: ClassVar[Mapping[str, Sequence[str]]] = {"created_at": ("created_at", "id")}
    default_sort: ClassVar[str] = "-created_at"
    columns: ClassVar[Sequence[Column]] = ()
    size: ClassVar[int] = 25
    may_be_long: ClassVar[bool] = False
    most_written: ClassVar[int] = MOST_WRITTEN

    def rows(self) -> QuerySet[Any]:
        """Return all rows that the reader may see; start with `for_organization`."""
        raise NotImplementedError

    def tabs(self) -> Sequence[Tab]:
        return (Tab("", "All"),)

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows

    def decorate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Add what only shown rows need: joins and annotations that would slow the counts."""
        return rows

    def complete(self, shown: Sequence[Any]) -> None:
        """Add to the rows of one page what the database does not know."""

    def exported(self, rows: QuerySet[Any]) -> Iterable[Any]:
        """Return the rows of the CSV, with what the database does not know of them."""
        return rows.iterator(chunk_size=2000)

    def facts(self) -> Mapping[str, Any]:
        """Return what the template needs beside the list."""
        return {}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request, SheetRequest):
            return self._write(request)
        if self.columns and request.GET.get("export") == "csv":
            return self._export()
        return render(request, self.template_name, self._context())

    @cached_property
    def at(self) -> datetime:
        """The one moment that this answer is about."""
        return self.request.at if isinstance(self.request, SheetRequest) else now()

    @property
    def q(self) -> str:
        return _CONTROL.sub("", self.request.GET.get("q", ""))[:100].strip()

    @property
    def tab(self) -> Tab:
        wanted = self.request.GET.get("status", "")
        offered = self.tabs()
        return next((tab for tab in offered if tab.key == wanted), offered[0])

    @property
    def order(self) -> list[str]:
        """Return the fields to order by; an unknown ?sort= is the default one."""
        wanted = self.request.GET.get("sort") or self.default_sort
        name = wanted.removeprefix("-")
        if name not in self.sorts:
            wanted, name = self.default_sort, self.default_sort.removeprefix("-")
        fields = self.sorts[name]
        return [f"-{field}" for field in fields] if wanted.startswith("-") else list(fields)

    def found(self) -> QuerySet[Any]:
        """Return the rows that match the search, in every tab."""
        return self.search(self.rows(), self.q) if self.q else self.rows()

    def chosen(self) -> QuerySet[Any]:
        """Return the rows of the chosen tab, as they are shown."""
        found, condition = self.found(), self.tab.condition
        return self.decorate(found.filter(condition) if condition else found).order_by(*self.order)

    def _context(self) -> dict[str, Any]:
        counts = self._counts()
        page = self._page(counts[self.tab.key])
        return {
            "page": page,
            "tabs": [self._shown(tab, counts[tab.key]) for tab in self.tabs()],
            "status": self.tab.key,
            "total": page.paginator.count,
            "q": self.q,
            "is_filtered": bool(self.q or self.tab.key),
            "export_query": self._export_query(),
            **self.facts(),
        }

    def _shown(self, tab: Tab, count: int) -> ShownTab:
        if self.may_be_long and count > MOST_COUNTED:
            return ShownTab(tab.key, tab.label, MOST_COUNTED, is_more=True)
        return ShownTab(tab.key, tab.label, count)

    def _counts(self) -> dict[str, int]:
        if self.may_be_long:
            found = self.found()
            return {
                tab.key: count_capped(found.filter(tab.condition) if tab.condition else found)
                for tab in self.tabs()
            }
        asked = {
            f"tab_{index}": Count("pk", filter=tab.condition)
            for index, tab in enumerate(self.tabs())
        }
        counted = self.found().order_by().aggregate(**asked)
        return {tab.key: counted[f"tab_{index}"] for index, tab in enumerate(self.tabs())}

    def _page(self, count: int) -> Page[Any]:
        # The tabs have counted already.
        paginator: Paginator[Any]
        if self.may_be_long:
            paginator = CappedPaginator(self.chosen(), self._size())
            paginator.__dict__["counted"] = count
        else:
            paginator = Paginator(self.chosen(), self._size())
            paginator.__dict__["count"] = count
        page = paginator.get_page(self.request.GET.get("page"))
        page.object_list = list(page.object_list)
        self.complete(page.object_list)
        return page

    def _size(self) -> int:
        wanted = self.request.GET.get("size", "")
        sizes = {str(size): size for size in SIZES}
        return sizes.get(wanted, self.size)

    def _export_query(self) -> str:
        filters = filters_of(self.request.GET)
        return f"?{filters}&export=csv" if filters else "?export=csv"

    def _export(self) -> HttpResponse:
        """Answer the whole filtered set; written here, because the tenant ends with the request.

        A reader does not wait for a long one: the page offers to have it made.
        """
        rows = self.chosen()
        if rows[MOST_ANSWERED : MOST_ANSWERED + 1].exists():
            query = filters_of(self.request.GET)
            facts = {
                "query": query,
                "back": f"{self.request.path}?{query}",
                "narrower": f"Up to {MOST_ANSWERED:,} rows are downloaded at once.",
            }
            return render(self.request, "config/export_offer.html", facts)
        document = write_csv(self.columns, self.exported(rows))
        name = f"{self.file_name}-{self.at:%Y-%m-%d}.csv"
        return HttpResponse(
            document,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _write(self, request: SheetRequest) -> HttpResponse:
        if not self.columns:
            raise Forbidden
        request.written = self._rows_to(request.sheet) if request.sheet is not None else 0
        return HttpResponse(status=204)

    def _rows_to(self, sheet: TextIO) -> int:
        rows = self.chosen()
        if rows[self.most_written : self.most_written + 1].exists():
            raise ExportTooLarge
        return write_rows(sheet, self.columns, self.exported(rows))
