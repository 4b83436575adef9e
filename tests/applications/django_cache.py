"""Django's cache: values, many at once, counters, expiry, versions."""

import sys

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

cache.set_many({f"k{number}": {"number": number} for number in range(200)}, timeout=60)
many = cache.get_many([f"k{number}" for number in range(0, 220, 2)])
assert len(many) == 100 and many["k8"] == {"number": 8}
assert cache.add("lock", 1, timeout=60) and not cache.add("lock", 2)
cache.set("count", 1)
assert cache.incr("count", 5) == 6 and cache.decr("count") == 5
assert cache.touch("count", 100) and not cache.touch("zork", 100)
cache.set("k", "v", version=2)
assert cache.get("k") is None and cache.get("k", version=2) == "v"
assert cache.get_or_set("made", lambda: 7) == 7
cache.delete_many([f"k{number}" for number in range(200)])
assert cache.get_many(["k1", "k2"]) == {}
cache.clear()
assert cache.get("count") is None
print("done: 200 values, counters, locks, versions")
