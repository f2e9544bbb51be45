"""Says how large the tables of a PostgreSQL database are; `psycopg2` has no wheels for Linux, so it is compiled."""

from __future__ import annotations

from typing import Any

import psycopg2

_LARGEST = """
    SELECT relname, pg_total_relation_size(oid)
    FROM pg_class
    WHERE relkind = 'r'
    ORDER BY 2 DESC
    LIMIT %s
"""


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the sizes of the largest tables in bytes, at most `event["limit"]` of them (10).

    Where to connect to is in PGHOST and its kin.
    """
    connection = psycopg2.connect(connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(_LARGEST, (int(event.get("limit", 10)),))
            return {"tables": dict(cursor.fetchall()), "libpq": psycopg2.__libpq_version__}
    finally:
        connection.close()
