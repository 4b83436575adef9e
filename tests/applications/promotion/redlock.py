"""Locks as redis-py makes them, while the primary that holds them is killed: one owner at a time, and who held one before holds it afterwards.

Who is told UNKNOWN when it wants a lock may have it without knowing: it is free again when its time is over, and is asked for again here until then.
"""

import sys
import threading
import time

from redis import Redis
from redis.exceptions import LockError, ResponseError

from around import Kill

host, port = sys.argv[1].rsplit(":", 1)
inside, most, rounds, unknown = 0, 0, 0, 0
failed = []
threading.excepthook = lambda arguments: failed.append(arguments.exc_value)


def known(action):
    global unknown
    try:
        return action()
    except ResponseError as error:
        assert str(error).startswith("UNKNOWN"), error
        unknown += 1
        return None


def work(kill):
    global inside, most, rounds
    mine = Redis(host, int(port))
    while not kill.is_over() or rounds < 200:
        lock = mine.lock("{lock}shared", timeout=5, sleep=0.002, thread_local=False)
        if not known(lock.acquire):
            continue
        inside += 1
        most = max(most, inside)
        rounds += 1
        time.sleep(0.001)
        inside -= 1
        try:
            known(lock.release)
        except LockError:
            raise AssertionError("a lock was lost while it was held")


client = Redis(host, int(port))
held = client.lock("{lock}held", timeout=60)
assert held.acquire()
kill = Kill("{lock}held")
threads = [threading.Thread(target=work, args=(kill,)) for _ in range(5)]
for thread in threads:
    thread.start()
kill.wait()
for thread in threads:
    thread.join()
assert not failed, failed
assert most == 1, f"{most} had the lock"
assert held.owned() and held.extend(30), "who held it holds it"
assert not Redis(host, int(port)).lock("{lock}held", timeout=1).acquire(blocking=False)
held.release()
assert Redis(host, int(port)).lock("{lock}held", timeout=1).acquire(blocking=False)
print(f"done: {rounds} turns, one at a time, UNKNOWN came {unknown} times")
