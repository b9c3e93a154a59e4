# SPDX-License-Identifier: Apache-2.0
"""kill -9 at full load at random moments: every acknowledged hit is there once after each restart.

FOOTFALL_ROUNDS=20 by default, a quarter of them again with --durability kernel; by hand 10000."""
import random
import time

from drill import SEED, Books, Load, add_site, daemon, rounds


def drill(durability, count):
    chance = random.Random(SEED)
    books = Books()
    replayed = 0
    # A short checkpoint interval, so that kills hit checkpoints, recycling and replay.
    with daemon("--durability", durability, "--checkpoint-interval", "1", "--threads", "2") as node:
        add_site(node)
        for number in range(count):
            load = Load(node, SEED + number)
            time.sleep(chance.uniform(0.05, 1.4))
            node.process.kill()
            node.process.wait()
            node.log.close()
            truth = load.truth()
            assert truth["gone"] and truth["wrong_reads"] == 0, truth
            books.add(truth)
            node.start()
            books.settle(node)
            replayed += node.metrics()["footfall_recovery_replayed_hits"]
    assert books.total() > 0
    assert replayed > 0, "footfall_recovery_replayed_hits must show what a start replayed"
    print(f"{durability}: {count} kills, {books.figures()}, {replayed:.0f} replayed", flush=True)


if __name__ == "__main__":
    wanted = rounds(20)
    drill("disk", wanted)
    drill("kernel", (wanted + 3) // 4)
