# SPDX-License-Identifier: Apache-2.0
"""A real failure of fsync: an ext4 in a sparse image on a tmpfs that is too small for it. What fsync refused is answered 503.

The kernel reports such a failure once, and calls the same pages clean from then on. FOOTFALL_ROUNDS=1 by default."""
import contextlib
import pathlib
import subprocess

from drill import SEED, SITE, Books, Load, Mount, add_site, daemon, need_root, rounds


def once(seed):
    books = Books()
    with contextlib.ExitStack() as stack:
        under = stack.enter_context(Mount("-t", "tmpfs", "-o", "size=12m", "tmpfs"))
        image = under.at / "image"
        with open(image, "wb") as file:
            file.truncate(200 << 20)
        # The filesystem's own journal has its room from the start; the files' content has not.
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", "-E", "lazy_journal_init=0", str(image)], check=True)
        disk = stack.enter_context(Mount("-o", "loop", image))
        # A loop device calls a short write a whole one; requests of one page are never short.
        device = next(line.split()[0] for line in open("/proc/mounts") if line.split()[1] == str(disk.at))
        pathlib.Path("/sys/block", pathlib.Path(device).name, "queue/max_sectors_kb").write_text("4")
        (disk.at / "data").mkdir()
        node = daemon("--segment-size", str(1 << 20), "--checkpoint-interval", "3600", "--threads", "2", directory=disk.at / "data")
        stack.callback(node.close)
        node.start()
        add_site(node)
        truth = Load(node, seed, hits=800_000).truth()
        assert truth["refused"] > 0 and not truth["gone"], f"fsync never failed: {truth}"
        books.add(truth)
        metrics = node.metrics()
        assert metrics["footfall_journal_write_failures_total"] > 0, "footfall_journal_write_failures_total must fire"
        assert metrics["footfall_journal_sync_failures_total"] > 0, "footfall_journal_sync_failures_total must fire"
        assert metrics["footfall_ledger_mismatch"] == 0
        assert node.get(f"/v1/sites/{SITE}/stats").status == 200
        node.process.kill()
        node.process.wait()
        node.log.close()
        # The device is well again, for the filesystem's own tables too; what fsync refused is gone with the cache.
        subprocess.run(["mount", "-o", "remount,size=400m", str(under.at)], check=True)
        disk.unmount()
        disk.mount()
        node.start()
        books.settle(node)
        books.add(Load(node, seed + 1, hits=20_000).truth())
        node.stop()
        node.start()
        books.settle(node)
        node.stop()
    return books, truth["refused"], metrics["footfall_journal_write_failures_total"]


if __name__ == "__main__":
    need_root()
    for number in range(rounds(1)):
        settled, refused, failures = once(SEED + number)
        print(f"fsync failed {failures:.0f} times, {refused} refused: {settled.figures()}", flush=True)
