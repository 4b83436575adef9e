"""Django's cache while the primary of its keys is killed: values that were stored are there, counters lose and double nothing, of two who add a key one has it.

A view that is told UNKNOWN answers an error, as with any other: what may be repeated is repeated here, what may not is counted.
"""

import sys
import threading

from django.conf import settings

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://{sys.argv[1]}/0",
        }
    }
)

from django.core.cache import cache  # noqa: E402
from redis.exceptions import ResponseError  # noqa: E402

from around import Kill  # noqa: E402

lock = threading.Lock()
counted, unknown, added, stored = [], [], {}, {}


def tried(action):
    """What came of it; None where nobody knows."""
    try:
        return action()
    except ResponseError as error:
        assert str(error).startswith("UNKNOWN"), error
        return None


def view(name, kill):
    number = 0
    while not kill.is_over() or number < 100:
        number += 1
        value = tried(lambda: cache.incr("count"))
        (counted if value else unknown).append(value)
        is_mine = tried(lambda: cache.add(f"turn:{number}", name, timeout=600))
        with lock:
            added.setdefault(number, []).append(is_mine)
        key = f"{name}:{number}"
        while tried(lambda: cache.set(key, {"number": number}, timeout=600) or True) is None:
            pass
        stored[key] = {"number": number}
        assert cache.get(key) == {"number": number}


cache.set("count", 0, timeout=600)
kill = Kill(":1:count")
failed = []
threading.excepthook = lambda arguments: failed.append(arguments.exc_value)
views = [threading.Thread(target=view, args=(name, kill)) for name in ("a", "b", "c")]
for one in views:
    one.start()
for one in views:
    one.join()
assert not failed, failed
assert len(counted) <= cache.get("count") <= len(counted) + len(unknown), (cache.get("count"), len(counted), len(unknown))
assert len(set(counted)) == len(counted), "no number was given to two"
for number, told in added.items():
    assert told.count(True) <= 1 and (True in told or None in told), (number, told)
for start in range(0, len(stored), 100):
    keys = list(stored)[start : start + 100]
    assert cache.get_many(keys) == {key: stored[key] for key in keys}
print(f"done: {len(counted)} times counted, {len(unknown)} times unknown, {len(stored)} values")
