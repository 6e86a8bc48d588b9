"""Sessions in the database with a copy in the cache, whose end outlasts whoever reads meanwhile."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore
from django.core.cache import caches
from django.db import transaction


class SessionStore(CachedStore):
    """Forgets the copy once more when the end is committed.

    Until then other requests still find the row, and make a new copy that would live on.
    """

    def delete(self, session_key: Any = None) -> None:
        key = session_key or self.session_key
        super().delete(session_key)
        if key:
            copies = caches[settings.SESSION_CACHE_ALIAS]
            transaction.on_commit(lambda: copies.delete(self.cache_key_prefix + key))
