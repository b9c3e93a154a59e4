# SPDX-License-Identifier: Apache-2.0
"""A copy of this system, or of the tree that FOOTFALL_BARE_TREE names (tests/debian.sh), in which a test may do as root what it likes: an overlay in
namespaces of its own, without a network, of which nothing is left. And the Debian package of the binaries here, to be installed in it."""
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from footfall import BUILD, ROOT, SKIPPED

INSIDE = "FOOTFALL_INSIDE"  # of the namespaces: the test's script runs itself there
BARE = os.environ.get("FOOTFALL_BARE_TREE")


def run(*words, ok=True, timeout_s=100, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=timeout_s, **more)
    if ok and done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def overlay():
    """A directory of the test's own, and the copy in it. Both go with the namespace."""
    at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-debian-"))
    run("mount", "-t", "tmpfs", "tmpfs", at)
    root = at / "root"
    for name in ("root", "upper", "work"):
        (at / name).mkdir()
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={BARE or '/'},upperdir={at}/upper,workdir={at}/work", root)
    (root / "var/lib/man-db/auto-update").unlink(missing_ok=True)  # the index of all pages, at each installation
    return at, root


@functools.cache
def built():
    place = pathlib.Path(tempfile.mkdtemp(prefix="footfall-deb-"))
    return pathlib.Path(run(ROOT / "deploy" / "debian" / "build.sh", BUILD, place, env={**os.environ, "FOOTFALL_DEB_COMPRESSION": "0"}).stdout.split()[-1])


class System(unittest.TestCase):
    """The copy, with what a chroot needs, and loopback."""

    @classmethod
    def setUpClass(cls):
        cls.at, cls.root = overlay()
        for words in (("-t", "proc", "proc", cls.root / "proc"), ("--rbind", "/dev", cls.root / "dev"), ("-t", "tmpfs", "tmpfs", cls.root / "run"),
                      ("-t", "tmpfs", "tmpfs", cls.root / "tmp")):
            run("mount", *words)
        run("ip", "link", "set", "lo", "up")

    def inside(self, *words, **more):
        return run("chroot", self.root, *words, **more)

    def started(self):
        """The daemon as its unit would have it, but for what systemd confines it to."""
        daemon = subprocess.Popen(["chroot", "--userspec=footfall", str(self.root), "footfalld", "--config", "/etc/footfall/footfalld.toml"],
                                  stderr=subprocess.PIPE, text=True)
        for _ in range(300):
            if run("curl", "-fs", "127.0.0.1:8080/readyz", ok=False).returncode == 0:
                return daemon
            self.assertIsNone(daemon.poll(), daemon.stderr.read() if daemon.poll() is not None else "")
            time.sleep(0.1)
        self.fail("footfalld is not ready")

    def stop(self, daemon):
        daemon.terminate()
        self.assertEqual(daemon.wait(30), 0)
        daemon.stderr.close()


def namespaces():
    return ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private", "--mount-proc"]


def main(script):
    """`script` once more, in the namespaces; there, its tests. Skipped where there can be none."""
    if INSIDE in os.environ:
        unittest.main(module="__main__", verbosity=2)
    for tool in ("unshare",) if BARE else ("dpkg-deb", "dpkg-shlibdeps", "unshare", "strip"):
        if not shutil.which(tool):
            print(f"{tool} is not installed: skipped")
            sys.exit(SKIPPED)
    scratch = tempfile.mkdtemp(prefix="footfall-debian-")
    tried = f"""mount -t tmpfs tmpfs {scratch} && mkdir {scratch}/u {scratch}/w {scratch}/r &&
                mount -t overlay overlay -o lowerdir=/,upperdir={scratch}/u,workdir={scratch}/w {scratch}/r"""
    if subprocess.run([*namespaces(), "sh", "-c", tried], capture_output=True).returncode != 0:
        os.rmdir(scratch)
        print("namespaces and overlays need root, or are refused here: skipped")
        sys.exit(SKIPPED)
    code = subprocess.run([*namespaces(), sys.executable, script, *sys.argv[1:]], env={**os.environ, INSIDE: "1", "TMPDIR": scratch}).returncode
    shutil.rmtree(scratch)
    sys.exit(code)
