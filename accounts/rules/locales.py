"""Ways to write dates, numbers and amounts, by BCP 47 name. The site's words are English in all."""

from __future__ import annotations

DEFAULT = "en"
LOCALES: dict[str, str] = {
    "en": "International: 5 Nov 2026, 1,234.50",
    "en-US": "United States: Nov 5, 2026, 1,234.50",
    "en-GB": "United Kingdom: 5 Nov 2026, 1,234.50",
    "de": "Germany: 05.11.2026, 1.234,50",
    "de-CH": "Switzerland: 05.11.2026, 1\u2019234.50",
    "fr": "France: 5 nov. 2026, 1 234,50",
    "es": "Spain: 5 nov 2026, 1.234,50",
    "it": "Italy: 5 nov 2026, 1.234,50",
    "nl": "Netherlands: 5 nov 2026, 1.234,50",
    "pl": "Poland: 5 lis 2026, 1 234,50",
    "pt-BR": "Brazil: 5 de nov. de 2026, 1.234,50",
    "sv": "Sweden: 5 nov. 2026, 1 234,50",
    "ja": "Japan: 2026/11/05, 1,234.50",
}
