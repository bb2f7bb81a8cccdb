"""Handles BookAdded events from both lanes with the stream subscription of Protean for Python.

    python consume.py --redis redis://127.0.0.1:6379/0 --count 8 --timeout 20

Reads `bookshelf::book` and `bookshelf::book:backfill` and prints one line of JSON per event handled.
Those with the text of `--fail-on` in their title fail, and go to the DLQ of their lane. Ends once there
were as many as asked for, failed ones included, with the batch under way done; with 1 when time is up.
"""

import argparse
import asyncio
import json
import sys

from protean.server import Engine
from protean.server.subscription.stream_subscription import StreamSubscription
from protean.utils.globals import g
from protean.utils.mixins import handle

from bookshelf import Book, BookAdded, connect, domain

fail_on: str | None = None
seen: list[str] = []
stream_read: str | None = None


@domain.event_handler(part_of=Book)
class BookPrinter:
    """Tells which books were added."""

    @handle(BookAdded)
    def print(self, event: BookAdded) -> None:
        seen.append(event.book_id)
        if fail_on and fail_on in event.title:
            raise ValueError(f"{event.title} is refused")
        metadata = g.message_in_context.metadata
        line = {
            **event.payload,
            "id": metadata.headers.id,
            "correlation_id": metadata.domain.correlation_id,
            "priority": metadata.domain.priority,
            "stream": stream_read,
        }
        print(json.dumps(line), flush=True)


async def process_batch(self, messages, stream=None, whole=StreamSubscription.process_batch):
    """Remembers which lane a batch is from: no message says it."""
    global stream_read
    stream_read = stream
    return await whole(self, messages, stream)


StreamSubscription.process_batch = process_batch


async def watch(engine: Engine, count: int, timeout: float) -> None:
    """Ends the engine once `count` events were seen, or time is up."""
    until = engine.loop.time() + timeout
    while len(seen) < count and engine.loop.time() < until:
        await asyncio.sleep(0.02)
    # A shutdown fails what is left of a batch, so the last one has to be done before.
    engine.draining = True
    tasks = asyncio.all_tasks()
    await asyncio.gather(
        *(task for task in tasks if task.get_coro().__qualname__ == "StreamSubscription.poll")
    )
    await engine.shutdown()


def main() -> int:
    global fail_on
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--redis", required=True, metavar="URI")
    arguments.add_argument("--count", type=int, required=True, metavar="K")
    arguments.add_argument("--timeout", type=float, default=30, metavar="SECONDS")
    arguments.add_argument("--fail-on", metavar="TEXT", help="fail for titles with this in them")
    args = arguments.parse_args()

    fail_on = args.fail_on
    connect(args.redis)
    engine = Engine(domain)
    watching = engine.loop.create_task(watch(engine, args.count, args.timeout))
    engine.run()
    watching.result()
    return 0 if len(seen) >= args.count else 1


if __name__ == "__main__":
    sys.exit(main())
