"""Ten threads at once: right answers, flat memory."""

import gc
import itertools
import os
import threading
import time
import unittest

import numpy as np
import support

from libretrieve import Index, Searcher

THREADS = 10
ROUNDS = 20 if support.SANITIZED else 40
SECONDS = 10 if "RTV_TEST_FULL" in os.environ else 2


def resident():
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_threads(work):
    """work(number) in ten threads; the first exception comes out."""
    raised = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


class Threads(support.TestCase):
    def test_embed_search_and_add(self):
        model = support.toy()
        paths = support.pictures("ant", "key")
        want = model.embed(paths)
        index = Index.create(model)
        searcher = Searcher(model, index)
        searcher.add(paths)
        # Items with scores below all others come and go unseen.
        far = -np.sign(want.mean(axis=0, keepdims=True)).astype(np.float32) * 100
        expected = index.search(want, 4)

        def work(number):
            for i in range(ROUNDS):
                at = (number + i) % len(paths)
                np.testing.assert_array_equal(model.embed(paths[at])[0], want[at])
                result = searcher.search([paths[at]], 4)
                np.testing.assert_array_equal(result.ids[0], expected.ids[at])
                np.testing.assert_array_equal(result.scores[0], expected.scores[at])
                if i % 16 == 0:
                    index.add([1000 + number * ROUNDS + i], far)
                self.assertEqual(index.search(want[at], 1).keys, [[paths[at]]])

        run_threads(work)
        gc.collect()
        warm = resident()
        remaining = len(index)
        again = Searcher(model, index)

        until = time.monotonic() + SECONDS

        def read(number):
            for i in itertools.count(number):
                at = i % len(paths)
                np.testing.assert_array_equal(again.search(paths[at], 4).ids[0], expected.ids[at])
                np.testing.assert_array_equal(model.embed(paths[at])[0], want[at])
                if i >= number + ROUNDS and time.monotonic() > until:
                    break

        run_threads(read)
        gc.collect()
        self.assertEqual(len(index), remaining)
        if not support.SANITIZED:  # which keeps what is freed
            # Ten threads' stacks and allocator arenas are warm; a descriptor a call that leaks would be hundreds of calls of some KB.
            self.assertLess(resident() - warm, 4 << 20)

    def test_objects_come_and_go(self):
        model = support.toy()
        vectors = support.unit_vectors(50, 12)

        def work(number):
            for _ in range(ROUNDS // 10):
                with Index.create(12, runtime=None) as index:
                    index.add(None, vectors)
                    self.assertEqual(index.search(vectors, 1).ids[number, 0], number)
                Searcher(model, Index.create(model)).search(support.pixels(), 1)

        run_threads(work)
        gc.collect()
        warm = resident()
        run_threads(work)
        gc.collect()
        if not support.SANITIZED:
            self.assertLess(resident() - warm, 4 << 20)  # see above

    def test_closing_under_the_others_feet(self):
        vectors = support.unit_vectors(500, 64)
        for _ in range(20):
            index = Index.create(64)
            index.add(None, vectors)

            def work(number, index=index):
                if number == 0:
                    index.close()
                    return
                try:
                    for _ in range(50):
                        self.assertEqual(index.search(vectors[number], 1).ids[0, 0], number)
                except ValueError as error:
                    self.assertEqual(str(error), "Index is closed")

            run_threads(work)

    def test_the_gil_is_free_during_calls(self):
        """A thread of Python's goes on while another is in C: it is what ends the call."""
        index = Index.create(2)
        index.add(None, np.eye(2, dtype=np.float32))
        inside, outside = threading.Event(), threading.Event()

        def progress(done, total):  # holds the GIL only while it runs: waiting gives it away
            inside.set()
            self.assertTrue(outside.wait(60))

        thread = threading.Thread(target=lambda: index.search(np.eye(2, dtype=np.float32), 1, progress=progress))
        thread.start()
        self.assertTrue(inside.wait(60))
        self.assertEqual(index.search(np.eye(2, dtype=np.float32), 1).ids.ravel().tolist(), [0, 1])
        outside.set()
        thread.join()


if __name__ == "__main__":
    unittest.main()
