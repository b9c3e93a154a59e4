# SPDX-License-Identifier: Apache-2.0
"""footfall top on a pseudo-terminal: what is seen, keys, sizes, signals, and that the terminal is as it was afterwards."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

from footfall import BUILD, Daemon

SITES = {"busy.example": 30, "some.example": 5, "quiet.example": 0}


class VT:
    """What a VT100 shows: cursor positions, erasing, reverse; and the alternate screen. Anything else is a fault."""

    def __init__(self, rows, columns):
        self.resize(rows, columns)
        self.alternate, self.cursor, self.ever_drew = False, True, False
        self.strict, self.draws = True, 0
        self.rest = b""

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0

    def feed(self, data):
        data = self.rest + data
        while data:
            escape = re.match(rb"\x1b\[(\??)([\d;]*)([A-Za-z])", data)
            if data[0] == 0x1B and not escape:
                if len(data) > 20:
                    raise AssertionError(f"no sequence of a VT100: {data[:20]}")
                break  # the rest of it is on its way
            if not escape:
                self.put(data[:1].decode("latin-1"))
                data = data[1:]
                continue
            data = data[escape.end():]
            self.obey(escape[1] == b"?", [int(n) for n in escape[2].split(b";") if n], escape[3].decode())
        self.rest = data

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row = min(self.row + 1, self.rows - 1)
        else:
            assert character >= " ", repr(character)
            assert self.column < self.columns or not self.strict, "a line is wider than the terminal"
            if self.column >= self.columns:
                return
            self.cells[self.row][self.column] = character
            self.column += 1

    def obey(self, private, numbers, command):
        if private:
            assert command in "hl" and numbers in ([1049], [25]), (numbers, command)
            if numbers == [1049]:
                self.alternate = command == "h"
            else:
                self.cursor = command == "h"
        elif command == "H":
            assert numbers[0] <= self.rows or numbers[0] == 999 or not self.strict, "there are more lines than rows"
            self.row, self.column = min(numbers[0], self.rows) - 1, numbers[1] - 1
            self.draws += numbers[0] == 1
        elif command == "K":
            self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
        elif command == "J":
            begin = 0 if numbers == [2] else self.row
            for row in range(begin, self.rows):
                self.cells[row] = [" "] * self.columns
            self.ever_drew = True
        else:
            assert command == "m" and numbers in ([7], [0]), (numbers, command)

    @property
    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    @property
    def text(self):
        return "\n".join(self.lines)


class Top:
    """`footfall top` with a terminal of its own."""

    descriptors = ()  # that it inherits

    def __init__(self, daemon, *options, rows=24, columns=100, keys=True, port=None, **environment):
        self.master, self.slave = pty.openpty()
        self.vt = VT(rows, columns)
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        command = [str(BUILD / "footfall"), "top", "--url", f"http://127.0.0.1:{port or daemon.port}", "--admin", f"http://127.0.0.1:{daemon.admin_port}",
                   "--token-file", str(daemon.directory / "admin-token"), *options]

        def own_terminal():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(self.run_by(command), stdin=self.slave if keys else subprocess.DEVNULL, stdout=self.slave, stderr=self.slave, preexec_fn=own_terminal,
                                        pass_fds=self.descriptors, env={**os.environ, "TERM": "vt100", **environment})

    def run_by(self, command):
        return command

    def resize(self, rows, columns):
        self.vt.resize(rows, columns)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, wait=0.05):
        while select.select([self.master], [], [], wait)[0]:
            self.vt.feed(os.read(self.master, 65536))
            wait = 0

    def until(self, seen, what):
        deadline = time.monotonic() + 20
        while not seen():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}:\n{self.vt.text}")
            self.read()

    def type(self, keys):
        os.write(self.master, keys)

    def ended(self):
        """The exit code, and that the terminal is as it was."""
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        self.read()
        code = self.process.poll()
        assert code is not None, "it did not end"
        self.check_restored()
        return code

    def check_restored(self):
        assert termios.tcgetattr(self.slave) == self.before, "the terminal's modes are others"
        assert (self.vt.alternate, self.vt.cursor) == (False, True), "the screen is not given back"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class Job(Top):
    """The same as a job of a shell: a process group of its own, whose parent is in the same session. ^Z would not stop an orphaned one."""

    # As far as job control goes. It tells by which signal the job was stopped, and is told to let it go on in the foreground or not.
    SHELL = """
import os, signal, sys
orders, news = int(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or it could not take the terminal back
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[3], sys.argv[3:])
while True:
    status = os.waitpid(job, os.WUNTRACED)[1]
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    os.tcsetpgrp(0, os.getpgrp())
    os.write(news, bytes([os.WSTOPSIG(status)]))
    if os.read(orders, 1) == b"f":
        os.tcsetpgrp(0, job)
    os.kill(-job, signal.SIGCONT)
"""

    def run_by(self, command):
        orders, self.orders = os.pipe()
        self.news, news = os.pipe()
        self.descriptors = (orders, news)
        return [sys.executable, "-c", self.SHELL, str(orders), str(news), *command]

    def stop(self):
        """By ^Z; the signal that stopped it."""
        draws = self.vt.draws
        self.until(lambda: self.vt.draws > draws, "nothing is drawn")  # what is on its way when the key comes is dropped
        self.type(b"\x1a")
        return self.stopped_by()

    def stopped_by(self):
        self.until(lambda: select.select([self.news], [], [], 0)[0], "it was not stopped")
        self.read()
        return os.read(self.news, 1)[0]

    def go_on(self, order):
        os.write(self.orders, order)

    def close(self):
        super().close()
        for descriptor in (self.orders, self.news, *self.descriptors):
            os.close(descriptor)


class TopCommand(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--threads", "1", "--rate-limit", "0")
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        for site, visitors in SITES.items():
            cls.daemon.add_site(site)
            for n in range(visitors):
                cls.daemon.hit(site, visitor=n)
        cls.daemon.admin("POST", "/v1/admin/sites/quiet.example/seed", {"total": 41_450_743}, Idempotency_Key="seed")

    def top(self, *options, **more):
        top = Top(self.daemon, *options, **more)
        self.addCleanup(top.close)
        return top

    def begun(self, *options, **more):
        top = self.top(*options, **more)
        top.until(lambda: "quiet.example" in top.vt.text, "the sites are not there")
        return top

    def run_once(self, *options, code=0, port=None, **environment):
        ended = subprocess.run([str(BUILD / "footfall"), "top", "--url", f"http://127.0.0.1:{port or self.daemon.port}", "--admin", f"http://127.0.0.1:{self.daemon.admin_port}", *options],
                               capture_output=True, text=True, timeout=60, env={**os.environ, **environment})
        self.assertEqual(ended.returncode, code, ended.stderr)
        return ended.stdout if code == 0 else ended.stderr

    def test_sites_by_who_is_online_and_the_daemon(self):
        top = self.begun()
        self.assertTrue(top.vt.alternate)
        self.assertFalse(top.vt.cursor)
        rows = [line.split() for line in top.vt.lines if ".example" in line]
        self.assertEqual([row[0] for row in rows], ["busy.example", "some.example", "quiet.example"])
        self.assertEqual(rows[0][1:4], ["30", "30", "30"])
        self.assertEqual(rows[2][3], "41,450,743")
        self.assertIn("the ledger balances", top.vt.text)
        self.assertIn(f"at http://127.0.0.1:{self.daemon.port}, up ", top.vt.lines[0])
        self.daemon.hit("busy.example", visitor=99)
        top.until(lambda: re.search(r"busy\.example +31 ", top.vt.text), "the numbers are not new")
        top.until(lambda: re.search(r"\d\.\d hits/s", top.vt.text), "there are no rates")
        top.type(b"q")
        self.assertEqual(top.ended(), 0)

    def test_narrow_and_low_terminals_and_changes_of_size(self):
        top = self.begun(columns=26)
        heading = next(line for line in top.vt.lines if line.startswith("SITE"))
        self.assertEqual(heading.split(), ["SITE", "ONLINE"])
        for rows, columns in ((24, 132), (8, 60), (3, 10), (1, 1), (24, 80)):
            top.vt.strict = False  # until what was drawn for the size before has been read
            top.resize(rows, columns)  # the kernel sends SIGWINCH
            for strict in (False, True):
                top.vt.strict = strict
                draws = top.vt.draws + 2
                top.until(lambda draws=draws: top.vt.draws >= draws, "nothing is drawn")
            self.assertTrue(top.vt.text.strip())
        top.until(lambda: "quiet.example" in top.vt.text and "HITS/S" in top.vt.text, "the columns did not come back")
        top.type(b"q")
        self.assertEqual(top.ended(), 0)

    def test_arrows_move_where_there_are_more_sites_than_rows(self):
        top = self.top(rows=7)
        top.until(lambda: "1 of 3 sites" in top.vt.text, "no foot")
        self.assertIn("busy.example", top.vt.text)
        top.type(b"\x1b[B")
        top.until(lambda: "some.example" in top.vt.text, "down")
        top.type(b"\x1b[6~")
        top.until(lambda: "quiet.example" in top.vt.text, "page down")
        top.type(b"g")
        top.until(lambda: "busy.example" in top.vt.text, "to the begin")
        top.type(b"q")
        self.assertEqual(top.ended(), 0)

    def test_signals_give_the_terminal_back(self):
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            top = self.begun()
            top.process.send_signal(how)
            self.assertEqual(top.ended(), -how)
        top = self.begun()
        top.type(b"\x03")  # ^C, through the terminal
        self.assertEqual(top.ended(), -signal.SIGINT)

    def test_while_it_is_stopped_the_terminal_is_as_it_was(self):
        top = Job(self.daemon)
        self.addCleanup(top.close)
        top.until(lambda: "quiet.example" in top.vt.text, "the sites are not there")
        during = termios.tcgetattr(top.slave)
        self.assertNotEqual(during, top.before)

        def drawn_again():
            draws = top.vt.draws
            top.go_on(b"f")
            top.until(lambda: top.vt.draws > draws and "quiet.example" in top.vt.text, "nothing is drawn any more")
            self.assertEqual((top.vt.alternate, top.vt.cursor, termios.tcgetattr(top.slave)), (True, False, during))

        for _ in range(2):
            self.assertEqual(top.stop(), signal.SIGTSTP)
            top.check_restored()
            drawn_again()
        self.assertEqual(top.stop(), signal.SIGTSTP)
        top.go_on(b"b")  # in the background it may not have the terminal
        self.assertEqual(top.stopped_by(), signal.SIGTTOU)
        top.check_restored()
        drawn_again()
        top.type(b"q")
        self.assertEqual(top.ended(), 0)

    def test_a_daemon_that_is_gone_is_told_and_its_return_seen(self):
        with Daemon("--threads", "1") as daemon:
            daemon.add_site("quiet.example")
            top = Top(daemon)
            self.addCleanup(top.close)
            top.until(lambda: "quiet.example" in top.vt.text, "the sites are not there")
            daemon.stop()
            top.until(lambda: "OLD NUMBERS: cannot reach" in top.vt.text, "nobody says that they are old")
            self.assertIn("quiet.example", top.vt.text)
            daemon.start()
            top.until(lambda: "OLD NUMBERS" not in top.vt.text, "they are still old")
            top.type(b"q")
            self.assertEqual(top.ended(), 0)

    def test_without_keys_it_shows_all_the_same(self):
        top = self.begun(keys=False)
        top.process.send_signal(signal.SIGTERM)
        self.assertEqual(top.ended(), -signal.SIGTERM)

    def test_without_a_terminal_it_prints_one_table(self):
        token = ("--token-file", str(self.daemon.directory / "admin-token"))
        text = self.run_once(*token)
        self.assertNotIn("\x1b", text)
        self.assertRegex(text, r"(?m)^SITE +ONLINE +TODAY +TOTAL +HITS/S$")
        self.assertRegex(text, r"(?m)^quiet\.example +0 +0 +41,450,743 +0\.0$")
        by_name = [line.split()[0] for line in self.run_once("--once", "--sort", "name", *token).splitlines() if ".example" in line]
        self.assertEqual(by_name, sorted(SITES))
        top = self.top("--once")  # on a terminal, too
        self.assertEqual(top.process.wait(20), 0)
        top = self.top(TERM="dumb")
        self.assertEqual(top.process.wait(20), 0)

    def test_json_for_scripts(self):
        found = json.loads(self.run_once("--json", "--token-file", str(self.daemon.directory / "admin-token")))
        self.assertEqual([site["site"] for site in found["sites"]], ["busy.example", "some.example", "quiet.example"])
        self.assertEqual(found["daemon"]["ledger_mismatch"], 0)
        self.assertEqual(found["daemon"]["ready"], True)
        self.assertEqual(found["sites"][2]["total"], 41_450_743)

    def test_what_is_not_there_is_said_and_no_screen_is_taken(self):
        self.assertIn("cannot reach", self.run_once(code=1, port=1))
        top = self.top(port=1)
        self.assertEqual(top.ended(), 1)
        self.assertFalse(top.vt.ever_drew)


if __name__ == "__main__":
    unittest.main(verbosity=2)
