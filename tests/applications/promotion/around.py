"""What a script and its test say to each other: the script asks for a kill, and goes on with its work until it is told that all copies are there again."""

import sys
import threading


class Kill:
    """The primary that holds a key, which must be there, is killed, and comes back as a follower."""

    def __init__(self, key):
        self._whole = threading.Event()
        self._said = []
        threading.Thread(target=self._listen, daemon=True).start()
        print(f"kill {key}", flush=True)

    def _listen(self):
        for line in sys.stdin:
            self._said.append(line.strip())
            if line.strip() == "whole":
                self._whole.set()

    def is_over(self):
        return self._whole.is_set()

    def wait(self):
        assert self._whole.wait(60), self._said
