"""RQ: jobs are queued, worked off in this process, and their results read; one fails and is found among the failed."""

import operator
import sys

from redis import Redis
from rq import Queue, SimpleWorker

host, port = sys.argv[1].rsplit(":", 1)
connection = Redis(host, int(port))
queue = Queue("default", connection=connection)
jobs = [queue.enqueue(operator.add, number, 1) for number in range(20)]
broken = queue.enqueue(operator.truediv, 1, 0)
worker = SimpleWorker([queue], connection=connection)
assert worker.work(burst=True, logging_level="ERROR")
assert [job.return_value() for job in jobs] == list(range(1, 21))
assert broken.get_status(refresh=True) == "failed"
assert broken.id in queue.failed_job_registry.get_job_ids()
print("done: 20 jobs, one failed")
