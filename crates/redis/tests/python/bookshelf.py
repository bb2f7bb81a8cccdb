"""The bookshelf domain as Protean for Python has it: what publish.py and consume.py share."""

from protean.domain import Domain
from protean.fields import Decimal, Identifier, String

domain = Domain(
    name="bookshelf",
    config={
        "server": {
            # This alone makes it have an outbox.
            "default_subscription_type": "stream",
            "priority_lanes": {"enabled": True},
            # A message that fails goes to the DLQ at once.
            "stream_subscription": {"blocking_timeout_ms": 100, "max_retries": 1},
            # No port is opened, and no trace is left in Redis beside the messages.
            "health": {"enabled": False},
        },
        "observatory": {"trace_retention_days": 0},
        "logging": {"level": "ERROR"},
    },
)


@domain.aggregate
class Book:
    """A book that the shop can sell."""

    title = String(max_length=200, required=True)
    author = String(max_length=150, required=True)
    isbn = String(max_length=13)
    price = Decimal(min_value=0, required=True)


@domain.event(part_of=Book)
class BookAdded:
    """A book was taken in."""

    book_id = Identifier(required=True)
    title = String(max_length=200, required=True)
    author = String(max_length=150, required=True)
    isbn = String(max_length=13)
    price = Decimal(required=True)


def connect(uri: str) -> None:
    """Makes the domain ready, with the Redis at this address as its broker."""
    domain.config["brokers"]["default"] = {"provider": "redis", "URI": uri}
    domain.init(traverse=False)
