"""The `ui` tag library: every component a page may use, listed with examples in docs/ui.md.

Each module registers its own tags on the one library. Components take arguments only: what a
page does not pass, a component does not see. Their markup lives in templates/components/.
"""

from __future__ import annotations

from config.templatetags.ui import actions, charts, choices, layout, tables, text
from config.templatetags.ui.library import register

__all__ = ["actions", "charts", "choices", "layout", "register", "tables", "text"]
