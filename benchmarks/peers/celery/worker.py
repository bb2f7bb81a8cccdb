"""Runs the tasks, in processes of its own; prints `ready` once it takes them."""

from celery.signals import worker_ready

from shop import app

# Most of a task's time is the commit, so there are more processes than processors.
PROCESSES = 4


@worker_ready.connect
def tell(**_: object) -> None:
    print("ready", flush=True)


if __name__ == "__main__":
    app.worker_main(
        ["worker", f"--concurrency={PROCESSES}", "--loglevel=ERROR", "--without-gossip", "--without-mingle"]
    )
