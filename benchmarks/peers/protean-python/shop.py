"""The bookshop as Protean for Python has it: what the other files share.

Commands are handled where they are processed, since no worker takes a command by its priority.
Their events go through the outbox and Redis, on the lane of their priority, to the projectors.
"""

import os
from urllib.parse import urlsplit

from protean.domain import Domain
from protean.fields import Decimal, Identifier, Integer, String
from protean.utils.globals import current_domain
from protean.utils.mixins import handle

database_uri = os.environ["DATABASE_URL"]


def event_store_uri() -> str:
    """The same database, for the role whose schema is that of Message DB."""
    parts = urlsplit(database_uri)
    return parts._replace(netloc=f"message_store@{parts.hostname}:{parts.port}").geturl()


domain = Domain(
    name="bookshelf",
    config={
        "identity_type": "uuid",
        "databases": {"default": {"provider": "postgresql", "database_uri": database_uri}},
        "event_store": {"provider": "message_db", "database_uri": event_store_uri()},
        "brokers": {"default": {"provider": "redis", "URI": os.environ["REDIS_URL"]}},
        "server": {
            "default_subscription_type": "stream",
            "priority_lanes": {"enabled": True},
            "health": {"enabled": False},
        },
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


@domain.command(part_of=Book)
class AddBook:
    """Asks for a book to be taken in."""

    title = String(max_length=200, required=True)
    author = String(max_length=150, required=True)
    isbn = String(max_length=13)
    price = Decimal(min_value=0, required=True)


@domain.command_handler(part_of=Book)
class BookCommandHandler:
    """Takes books in."""

    @handle(AddBook)
    def add(self, command: AddBook) -> None:
        said = {name: getattr(command, name) for name in ("title", "author", "isbn", "price")}
        book = Book(**said)
        book.raise_(BookAdded(book_id=book.id, **said))
        current_domain.repository_for(Book).add(book)


@domain.projection(schema_name="book_catalog")
class BookCatalog:
    """A book in the catalog."""

    book_id = Identifier(identifier=True)
    title = String(max_length=200, required=True)
    author = String(max_length=150, required=True)
    isbn = String(max_length=13)
    price = Decimal(required=True)


@domain.projector(projector_for=BookCatalog, aggregates=[Book])
class BookCatalogProjector:
    """Keeps the catalog."""

    @handle(BookAdded)
    def added(self, event: BookAdded) -> None:
        current_domain.repository_for(BookCatalog).add(BookCatalog(**event.payload))


@domain.aggregate(schema_name="customer_order")
class Order:
    """An order."""

    customer_name = String(max_length=150, required=True)
    book_title = String(max_length=200, required=True)
    quantity = Integer(min_value=1, max_value=1000, required=True)
    unit_price = Decimal(min_value=0, required=True)


@domain.event(part_of=Order)
class OrderPlaced:
    """An order was taken."""

    order_id = Identifier(required=True)
    customer_name = String(max_length=150, required=True)
    book_title = String(max_length=200, required=True)
    quantity = Integer(required=True)
    unit_price = Decimal(required=True)


@domain.command(part_of=Order)
class PlaceOrder:
    """Asks for an order to be taken."""

    order_id = Identifier(identifier=True)
    customer_name = String(max_length=150, required=True)
    book_title = String(max_length=200, required=True)
    quantity = Integer(min_value=1, max_value=1000, required=True)
    unit_price = Decimal(min_value=0, required=True)


@domain.command_handler(part_of=Order)
class OrderCommandHandler:
    """Takes orders."""

    @handle(PlaceOrder)
    def place(self, command: PlaceOrder) -> None:
        names = ("customer_name", "book_title", "quantity", "unit_price")
        said = {name: getattr(command, name) for name in names}
        order = Order(id=command.order_id, **said)
        order.raise_(OrderPlaced(order_id=order.id, **said))
        current_domain.repository_for(Order).add(order)


@domain.projection(schema_name="order_summary")
class OrderSummary:
    """An order, as the customer sees it."""

    order_id = Identifier(identifier=True)
    customer_name = String(max_length=150, required=True)
    book_title = String(max_length=200, required=True)
    quantity = Integer(required=True)
    unit_price = Decimal(required=True)
    total = Decimal(required=True)


@domain.projector(projector_for=OrderSummary, aggregates=[Order])
class OrderSummaryProjector:
    """Keeps the summaries of orders."""

    @handle(OrderPlaced)
    def placed(self, event: OrderPlaced) -> None:
        total = event.unit_price * event.quantity
        current_domain.repository_for(OrderSummary).add(OrderSummary(total=total, **event.payload))


domain.init(traverse=False)
