"""Makes all tables, those of Message DB among them, from its scripts: `setup.py FOLDER`."""

import sys
from pathlib import Path

import psycopg

from shop import database_uri, domain

# In the order of its `install.sh`.
PARTS = [
    "roles/message-store",
    "schema/message-store",
    "extensions/pgcrypto",
    "tables/messages",
    "types/message",
    *(
        f"functions/{name}"
        for name in [
            "message-store-version",
            "hash-64",
            "acquire-lock",
            "category",
            "is-category",
            "id",
            "cardinal-id",
            "stream-version",
            "write-message",
            "get-stream-messages",
            "get-category-messages",
            "get-last-stream-message",
        ]
    ),
    "indexes/messages-id",
    "indexes/messages-stream",
    "indexes/messages-category",
    "privileges/schema",
    "privileges/table",
    "privileges/sequence",
    "privileges/functions",
]

with psycopg.connect(database_uri, autocommit=True) as connection:
    # Its scripts expect to be alone in the database.
    connection.execute("SET search_path TO message_store, public")
    for part in PARTS:
        connection.execute((Path(sys.argv[1]) / f"{part}.sql").read_text(encoding="utf-8"))

with domain.domain_context():
    domain.setup_database()
