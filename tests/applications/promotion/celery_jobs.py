"""Celery: tasks are sent and worked off while the broker's primary is killed, and each is done.

- `broker_channel_error_retry` has a worker go on that was told UNKNOWN, which is an error reply and no broken connection.
- A message whose sending is UNKNOWN is sent again by Celery itself, and what a worker had taken before it was told UNKNOWN is given out again: such tasks may be
  done twice. There is one sender, and a worker takes `PREFETCHED` at most.
- A worker that has popped a message writes it down among the unacknowledged, and forgets it when that fails: it comes back after `visibility_timeout`, or not at
  all, with any Redis that fails over. Such a task is sent again here by who waits for its result, as is one whose result could not be written.
"""

import collections
import os
import subprocess
import sys
import tempfile
import time

from celery import Celery
from celery.exceptions import TimeoutError
from redis import Redis

PREFETCHED = 8
address = os.environ.get("CELERY_ADDRESS") or sys.argv[1]
app = Celery("celery_jobs", broker=f"redis://{address}/0", backend=f"redis://{address}/0")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_channel_error_retry=True,
    broker_transport_options={"socket_timeout": 30},
    result_backend_always_retry=True,
    result_expires=600,
    task_default_queue="celery",
)


@app.task
def double(number):
    with open(os.environ["CELERY_DONE"], "a") as done:
        done.write(f"{number}\n")
    return number * 2


def send(number):
    while True:
        try:
            return double.delay(number)
        except Exception as error:  # What Celery does not send again by itself.
            assert "UNKNOWN" in str(error), error
            unknown.append(number)


unknown = []


def main():
    from around import Kill

    done = tempfile.NamedTemporaryFile()
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_jobs", "worker", "--pool=threads", "--concurrency=2", "--loglevel=warning", "--without-mingle"],
        env={**os.environ, "CELERY_ADDRESS": address, "CELERY_DONE": done.name, "C_FORCE_ROOT": "1"},
        cwd=os.path.dirname(os.path.abspath(__file__)),
        stdin=subprocess.DEVNULL,
    )
    try:
        assert send(0).get(timeout=60) == 0
        host, port = address.rsplit(":", 1)
        Redis(host, int(port)).set("marker", 1)
        kill = Kill("marker")
        sent = {}
        while not kill.is_over() or len(sent) < 100:
            number = len(sent) + 1
            sent[number] = send(number)
            time.sleep(0.01)
        again = 0
        for number, result in sent.items():
            while True:
                try:
                    assert result.get(timeout=4) == number * 2
                    break
                except TimeoutError:
                    again += 1
                    assert again <= 5, f"{number} is lost, and others are"
                    result = send(number)
        assert worker.poll() is None, "the worker goes on"
    finally:
        worker.terminate()
        worker.wait(30)
    times = collections.Counter(int(line) for line in open(done.name))
    assert set(times) == set(range(len(sent) + 1)), "each is done"
    twice = [number for number, count in times.items() if count > 1]
    assert len(twice) <= again + len(unknown) + 1 + PREFETCHED, twice
    print(f"done: {len(sent)} tasks, {again} of them sent again, {len(twice)} done twice")


if __name__ == "__main__":
    main()
