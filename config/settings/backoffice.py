"""How unfold looks: our names, our colours, nothing from another host."""

from __future__ import annotations

UNFOLD = {
    "SITE_TITLE": "Switchyard back office",
    "SITE_HEADER": "Switchyard",
    "SITE_SUBHEADER": "Back office",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
