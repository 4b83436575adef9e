"""redis-py while two proxies behind HAProxy are restarted one after the other: every command is asked once, and answered.

Works until its input ends. It has no retries of its own: what the proxies say of themselves (MOVING) is all that it goes by.
"""

import sys
import threading

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

WORKERS = 4

host, port = sys.argv[1].rsplit(":", 1)
client = redis.Redis(
    host=host,
    port=int(port),
    protocol=3,
    socket_timeout=5,
    retry=Retry(NoBackoff(), 0),
    maint_notifications_config=MaintNotificationsConfig(enabled=True),
)
is_over = threading.Event()
asked = [0] * WORKERS
wrong = []


def work(worker):
    key = f"rolling:{worker}"
    while not is_over.wait(0.001):
        try:
            asked[worker] += 1
            value = client.incr(key)
            if value != asked[worker]:
                wrong.append(f"{key} is {value} after {asked[worker]}")
                return
            if int(client.get(key)) != value:
                wrong.append(f"{key} is not what it was")
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
            return


client.delete(*[f"rolling:{worker}" for worker in range(WORKERS)])
workers = [threading.Thread(target=work, args=(worker,)) for worker in range(WORKERS)]
for worker in workers:
    worker.start()
print("at work", flush=True)
sys.stdin.read()
is_over.set()
for worker in workers:
    worker.join()
if wrong:
    sys.exit("\n".join(wrong))
print(f"done: {sum(asked)} increments, each once, no error", flush=True)
