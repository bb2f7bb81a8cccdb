"""Sends an urgent task for every line it reads, which is the identity of an order."""

import sys

from shop import URGENT, app, place_order

with app.producer_or_acquire() as producer:
    producer.connection.ensure_connection()
    print("ready", flush=True)
    for line in sys.stdin:
        args = (line.strip(), "Ada", "Dune", 2, "9.99")
        place_order.apply_async(args, producer=producer, priority=URGENT)
