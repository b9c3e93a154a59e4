# SPDX-License-Identifier: Apache-2.0
"""kill -9 at full load at random moments: every acknowledged hit is there once after each restart.

The client logs every acknowledged hit by its number: the n-th that it sends goes to page n % 8000. At most 256 are in flight, so at
a kill hardly a page has two hits without an answer: on each page where none is, the count must be what was acknowledged, as if
every number was looked up; where one is, it may be one more. A loss or a double could hide only behind such a hit, and the hits of
the same block, with the numbers beside it, could not.
FOOTFALL_ROUNDS=100 by default, every fifth kill in --durability kernel; by hand 10000."""
import random
import time

from drill import SEED, Books, Load, add_site, daemon, rounds

PAGES = 8_000


def wait_for_checkpoint(node):
    for _ in range(2400):  # the checkpointer has the lowest priority, and the machine may be busy
        if node.metrics()["footfall_checkpoints_total"] > 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint was made:\n{node.log_text()[-3000:]}")


def drill(durability, count):
    chance = random.Random(SEED)
    books = Books()
    replayed = in_doubt = slowest = 0
    # A short checkpoint interval, so that kills hit checkpoints, recycling and replay.
    with daemon("--durability", durability, "--checkpoint-interval", "1", "--threads", "2") as node:
        add_site(node)
        for number in range(count):
            load = Load(node, SEED + number, pages=PAGES, visitors=20, in_turn=True)
            if number % 16 == 7:  # about when a checkpoint is made
                time.sleep(chance.uniform(0.9, 1.3))
            if number % 16 == 15:  # behind one, so that what is replayed does not grow with the rounds
                wait_for_checkpoint(node)
            time.sleep(chance.uniform(0.01, 0.15))
            node.process.kill()
            node.process.wait()
            node.log.close()
            truth = load.truth()
            assert truth["gone"] and truth["wrong_reads"] == 0, truth
            books.add(truth)
            in_doubt += sum(1 for page, sent in books.sent.items() if sent > books.acknowledged[page])
            begin = time.monotonic()
            node.start()
            slowest = max(slowest, time.monotonic() - begin)
            books.settle(node)
            replayed += node.metrics()["footfall_recovery_replayed_hits"]
    assert books.total() > 0
    assert replayed > 0, "footfall_recovery_replayed_hits must show what a start replayed"
    print(f"{durability}: {count} kills, {books.figures()}, {in_doubt / count:.0f} pages of {PAGES} in doubt at a kill, "
          f"{replayed:.0f} replayed, slowest start {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    wanted = rounds(100)
    drill("disk", wanted - wanted // 5)
    drill("kernel", wanted // 5)
