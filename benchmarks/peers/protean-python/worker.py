"""Publishes what is in the outbox and keeps the projections; prints `ready` once it does."""

from protean.server import Engine

from shop import domain

# What the engine starts is started by then.
READY_SECONDS = 1

with domain.domain_context():
    engine = Engine(domain)
engine.loop.call_later(READY_SECONDS, lambda: print("ready", flush=True))
engine.run()
