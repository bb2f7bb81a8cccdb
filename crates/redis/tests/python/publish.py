"""Publishes BookAdded events through the outbox of Protean for Python.

    python publish.py --redis redis://127.0.0.1:6379/0 --normal 3 --bulk 5

Commands add books, the unit of work writes their events to the outbox, and the engine's outbox
processor adds these to the streams: those of normal priority to `bookshelf::book`, those of bulk
priority to `bookshelf::book:backfill`. Prints one line of JSON per event once it is published, and
ends with 1 if one was not. All stores are in memory.
"""

import argparse
import json
import sys
from typing import Any

from protean.fields import Decimal, String
from protean.server import Engine
from protean.utils.mixins import handle
from protean.utils.outbox import OutboxStatus
from protean.utils.processing import Priority

from bookshelf import Book, BookAdded, connect, domain

# The stores in memory copy all that they hold with every message, so they must not hold many.
BOOKS_AT_ONCE = 10


@domain.command(part_of=Book)
class AddBook:
    """Asks for a book to be taken in."""

    title = String(max_length=200, required=True)
    author = String(max_length=150, required=True)
    isbn = String(max_length=13)
    price_amount = Decimal(min_value=0, required=True)


@domain.command_handler(part_of=Book)
class BookCommandHandler:
    """Takes books in."""

    @handle(AddBook)
    def add(self, command: AddBook) -> dict[str, Any]:
        book = Book(
            title=command.title,
            author=command.author,
            isbn=command.isbn,
            price=command.price_amount,
        )
        book.raise_(
            BookAdded(
                book_id=book.id,
                title=book.title,
                author=book.author,
                isbn=book.isbn,
                price=book.price,
            )
        )
        domain.repository_for(Book).add(book)
        event = book._events[-1]
        metadata = event._metadata.to_dict()
        return {**event.payload, **metadata["headers"], **metadata["domain"]}


def add(nth: int, priority: Priority) -> dict[str, Any]:
    """Adds a book; what its event says."""
    command = AddBook(
        title=f"{priority.name.title()} & Straße {nth}",
        author="Ursula K. Le Guin",
        isbn=f"{9780000000000 + nth}" if nth % 2 == 0 else None,
        price_amount="9.90",
    )
    event = domain.process(command, asynchronous=False, priority=priority)
    wanted = ["id", "book_id", "title", "price", "sequence_id", "correlation_id", "causation_id"]
    return {name: event[name] for name in wanted} | {"priority": int(priority)}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--redis", required=True, metavar="URI")
    arguments.add_argument("--normal", type=int, default=0, metavar="N")
    arguments.add_argument("--bulk", type=int, default=0, metavar="M")
    args = arguments.parse_args()

    connect(args.redis)
    wanted = [(nth, Priority.BULK) for nth in range(args.bulk)]
    wanted += [(nth, Priority.NORMAL) for nth in range(args.normal)]
    with domain.domain_context():
        # The engine itself does not run: that would take commands from Redis, too.
        engine = Engine(domain)
        (processor,) = engine._outbox_processors.values()
        engine.loop.run_until_complete(processor.initialize())
        for start in range(0, len(wanted), BOOKS_AT_ONCE):
            events = [add(nth, priority) for nth, priority in wanted[start : start + BOOKS_AT_ONCE]]
            engine.loop.run_until_complete(processor.tick())
            counts = processor.outbox_repo.count_by_status()
            if counts[OutboxStatus.PUBLISHED.value] != len(events):
                return 1
            for event in events:
                print(json.dumps(event))
            domain.truncate_database()
    return 0


if __name__ == "__main__":
    sys.exit(main())
