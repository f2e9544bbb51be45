"""What every test at a terminal may use."""

from __future__ import annotations

from terminal_site import built, site, stand_in

__all__ = ["built", "site", "stand_in"]
