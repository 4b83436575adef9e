"""RQ: jobs are queued and worked off while the primary of their keys is killed, and each is done.

- RQ waits and asks again where a connection broke; a worker that is told UNKNOWN, which is an error reply, ends. It is started again, as the supervisor does
  that RQ's documentation recommends.
- A job that such a worker had taken is queued again, and may be done twice; so is one whose queueing is UNKNOWN.
"""

import collections
import sys
import threading
import time

from redis import Redis
from redis.exceptions import ResponseError
from rq import Queue, SimpleWorker

from around import Kill

host, port = sys.argv[1].rsplit(":", 1)
times = collections.Counter()
unknown = []
failed = []
threading.excepthook = lambda arguments: failed.append(arguments.exc_value)


def done(number):
    times[number] += 1
    return number + 1


def known(action):
    """Until what it does is known to be done."""
    while True:
        try:
            return action()
        except ResponseError as error:
            assert str(error).startswith("UNKNOWN"), error
            unknown.append(str(error))


def main():
    # Workers look for what they do in a module of a name.
    from rq_jobs import times

    connection = Redis(host, int(port))
    queue = Queue("default", connection=connection)
    jobs, again = {}, 0
    ended = threading.Event()

    def send():
        connection.set("rq:marker", 1)
        kill = Kill("rq:marker")
        while not kill.is_over() or len(jobs) < 60:
            number = len(jobs)
            # It has its name from here: queued again it is the same job.
            jobs[number] = known(lambda: queue.enqueue("rq_jobs.done", number, job_id=f"job-{number}"))
            time.sleep(0.01)
        ended.set()

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(20):
        try:
            # At another connection, as another process would.
            own = Redis(host, int(port))
            SimpleWorker([Queue("default", connection=own)], connection=own).work(max_idle_time=1, logging_level="CRITICAL")
        except ResponseError as error:
            assert str(error).startswith("UNKNOWN"), error
            unknown.append(str(error))
        assert not failed, failed
        if not ended.is_set():
            continue
        left = [job for job in jobs.values() if not known(lambda job=job: job.get_status(refresh=True) == "finished")]
        if not left:
            break
        again += len(left)
        for job in left:
            known(lambda: queue.enqueue_job(job))
    sender.join()
    assert not failed, failed
    assert all(job.return_value() == number + 1 for number, job in jobs.items()), "each is done"
    twice = [number for number, count in times.items() if count > 1]
    assert set(times) == set(jobs) and len(twice) <= len(unknown) + again, (twice, unknown, again)
    print(f"done: {len(jobs)} jobs, UNKNOWN came {len(unknown)} times, {again} queued again, {len(twice)} done twice")


if __name__ == "__main__":
    main()
