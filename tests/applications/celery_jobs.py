"""Celery: a worker and its clients, with the broker and the results at one address. Tasks, a chord, and a broadcast to workers."""

import os
import subprocess
import sys
import time

from celery import Celery, chord

# The worker is started with the address in its environment, for its arguments are Celery's.
address = os.environ.get("CELERY_ADDRESS") or sys.argv[1]
jobs = 30
app = Celery("celery_jobs", broker=f"redis://{address}/0", backend=f"redis://{address}/0")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_timeout": 30},
    result_expires=600,
    task_default_queue="celery",
)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


def main():
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_jobs", "worker", "--pool=threads", "--concurrency=2", "--loglevel=warning", "--without-mingle"],
        env={**os.environ, "CELERY_ADDRESS": address, "C_FORCE_ROOT": "1"},
        cwd=__file__.rsplit("/", 1)[0],
    )
    try:
        waiting = [add.delay(number, 1) for number in range(jobs)]
        assert [one.get(timeout=60) for one in waiting] == list(range(1, jobs + 1))
        assert chord(add.s(number, number) for number in range(5))(total.s()).get(timeout=60) == 20
        answered = []
        for _ in range(20):
            answered = app.control.ping(timeout=1)
            if answered:
                break
            time.sleep(0.5)
        assert len(answered) == 1, answered
    finally:
        worker.terminate()
        worker.wait(30)
    print(f"done: {jobs} tasks, a chord, a broadcast")


if __name__ == "__main__":
    main()
