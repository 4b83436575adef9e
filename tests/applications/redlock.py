"""Locks as redis-py makes them (with scripts): one owner at a time, extended, released, and lost when it is late."""

import sys
import threading
import time

from redis import Redis
from redis.exceptions import LockError

host, port = sys.argv[1].rsplit(":", 1)
client = Redis(host, int(port))
inside = 0
most = 0
rounds = 0


def work():
    global inside, most, rounds
    mine = Redis(host, int(port))
    for _ in range(20):
        with mine.lock("lock:shared", timeout=30, sleep=0.002):
            inside += 1
            most = max(most, inside)
            rounds += 1
            time.sleep(0.001)
            inside -= 1


threads = [threading.Thread(target=work) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert (most, rounds) == (1, 100), (most, rounds)
lock = client.lock("lock:late", timeout=0.2)
assert lock.acquire() and lock.extend(0.3)
time.sleep(0.8)
try:
    lock.release()
    raise AssertionError("the lock was lost, and released all the same")
except LockError:
    pass
print("done: 100 turns, one at a time")
