"""Sends a task for every row of a catalog, all over one connection: `enqueue.py CATALOG`."""

import csv
import sys
import uuid

from shop import BULK, add_book, app

with app.producer_or_acquire() as producer, open(sys.argv[1], encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        args = (str(uuid.uuid4()), row["title"], row["author"], row["isbn"] or None, row["price"])
        add_book.apply_async(args, producer=producer, priority=BULK)
