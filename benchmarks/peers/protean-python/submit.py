"""Processes a command for every line it reads, which is the identity of an order."""

import sys

from shop import PlaceOrder, domain

with domain.domain_context():
    print("ready", flush=True)
    for line in sys.stdin:
        command = PlaceOrder(
            order_id=line.strip(),
            customer_name="Ada",
            book_title="Dune",
            quantity=2,
            unit_price="9.99",
        )
        domain.process(command, asynchronous=False)
