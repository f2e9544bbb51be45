"""Lists the titles of an Atom or RSS feed; `lxml` is compiled C, so it must be built for the function's CPU."""

from __future__ import annotations

import platform
from typing import Any

from lxml import etree


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the titles in `event["feed"]`, the text of a feed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    root = etree.fromstring(event["feed"].encode(), parser)
    titles = root.xpath("//*[local-name()='title']/text()")
    return {"titles": [str(title) for title in titles], "machine": platform.machine()}
