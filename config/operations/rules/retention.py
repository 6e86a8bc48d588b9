"""Which backups are kept: the newest of each day and month of late, and the newest proven one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime

DAYS = 30
MONTHS = 12


def to_keep(
    moments: Iterable[datetime],
    *,
    proven: Iterable[datetime] = (),
    days: int = DAYS,
    months: int = MONTHS,
) -> set[datetime]:
    """Return the moments (UTC) whose backups stay; `proven` are those of which a restore was good.

    Days and months are counted where there are backups, not on the calendar: when backups stop,
    nothing that exists is ever thrown away for its age. The newest proven one outlives both until
    another is proven: it is known to restore, and its age tells when the last proof was.
    """
    newest_first = sorted(moments, reverse=True)
    return {
        *_newest_of_each(newest_first, lambda moment: moment.date(), days),
        *_newest_of_each(newest_first, lambda moment: (moment.year, moment.month), months),
        *sorted(proven, reverse=True)[:1],
    }


def _newest_of_each(
    newest_first: list[datetime], period: Callable[[datetime], Hashable], count: int
) -> list[datetime]:
    newest: dict[Hashable, datetime] = {}
    for moment in newest_first:
        newest.setdefault(period(moment), moment)
    return list(newest.values())[:count]
