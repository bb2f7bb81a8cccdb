"""The bookshop as Celery tasks: one inserts a book, one inserts an order. What the other files share."""

import os

import psycopg
from celery import Celery

# Of ten levels, Redis takes 0 first.
URGENT = 0
BULK = 9

app = Celery("shop", broker=os.environ["REDIS_URL"])
app.conf.update(
    # As the documentation asks for with priorities on Redis: workers look at the urgent list first,
    # and take no task beyond those they run.
    broker_transport_options={"queue_order_strategy": "priority", "priority_steps": list(range(10))},
    worker_prefetch_multiplier=1,
    # What is printed is read by whoever waits for the worker.
    worker_redirect_stdouts=False,
    # Nobody asks for results.
    task_ignore_result=True,
)

_connection: psycopg.Connection | None = None


def connection() -> psycopg.Connection:
    """The one connection of this process, which commits every statement by itself."""
    global _connection
    if _connection is None:
        _connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    return _connection


@app.task
def add_book(book_id: str, title: str, author: str, isbn: str | None, price: str) -> None:
    """Takes a book in."""
    connection().execute(
        "INSERT INTO book_catalog VALUES (%s, %s, %s, %s, %s)", (book_id, title, author, isbn, price)
    )


@app.task
def place_order(order_id: str, customer: str, title: str, quantity: int, unit_price: str) -> None:
    """Takes an order."""
    connection().execute(
        "INSERT INTO order_summary VALUES (%s, %s, %s, %s, %s, %s::numeric * %s)",
        (order_id, customer, title, quantity, unit_price, unit_price, quantity),
    )
