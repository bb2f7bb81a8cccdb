"""Processes a command for every row of a catalog, as bulk work: `enqueue.py CATALOG`."""

import csv
import sys

from protean.utils.processing import Priority

from shop import AddBook, domain

with domain.domain_context(), open(sys.argv[1], encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        command = AddBook(
            title=row["title"], author=row["author"], isbn=row["isbn"] or None, price=row["price"]
        )
        domain.process(command, asynchronous=False, priority=Priority.BULK)
