"""``python -m billing.standins.stripe``: the stand-in without Django."""

from __future__ import annotations

from billing.standins.stripe.process import main

if __name__ == "__main__":
    main()
