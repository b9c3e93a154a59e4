# SPDX-License-Identifier: Apache-2.0
"""What the suite reckons with, without a measurement: results that several runs fill, the sweep of P19, the plot of growth, batches that are refused, the mix of
browsers."""
import select
import socket
import threading
import unittest

import batches
import browsers
import growth
import kept
import overload

FIRST, SECOND = "footfall abc, 2026-11-30; 2 cores", "footfall abc, 2026-11-30; 2 cores\nOther work was running."


def row(goal, what, figure="1.00 us"):
    return goal, what, "<= 1.00 (0.92)", figure, "1.00-1.00", "met"


class Kept(unittest.TestCase):
    def test_a_run_replaces_the_rows_of_its_goals_alone(self):
        text, rows = kept.merged("", [row("P2", "b"), row("P1", "a"), row("P1", "c"), row("G1", "g")], FIRST)
        self.assertEqual([r[:2] for r in rows], [("P1", "a"), ("P1", "c"), ("P2", "b"), ("G1", "g")])
        text, rows = kept.merged(text, [row("P1", "a", "2.00 us"), row("P10", "d")], SECOND)
        self.assertEqual([(r[0], r[1], r[3]) for r in rows], [("P1", "a", "2.00 us"), ("P2", "b", "1.00 us"), ("P10", "d", "1.00 us"), ("G1", "g", "1.00 us")])
        runs, read = kept.read(text)
        self.assertEqual(runs, [(FIRST, ["P2", "G1"]), (SECOND, ["P1", "P10"])])
        self.assertEqual(read, rows)

    def test_a_run_that_goes_on_is_the_same_run(self):
        rows = [row("P1", "a")]
        text, _ = kept.merged("", rows, FIRST)
        text, _ = kept.merged(text, rows + [row("P2", "b")], FIRST)
        self.assertEqual(kept.read(text), ([(FIRST, ["P1", "P2"])], rows + [row("P2", "b")]))

    def test_a_run_all_of_which_was_measured_anew_is_gone(self):
        text, _ = kept.merged("", [row("P1", "a")], FIRST)
        text, _ = kept.merged(text, [row("P1", "b")], SECOND)
        self.assertEqual(kept.read(text), ([(SECOND, ["P1"])], [row("P1", "b")]))

    def test_a_table_that_says_nothing_of_its_runs_is_one_run(self):
        text, rows = kept.merged("", [row("P1", "a"), row("P2", "b")], FIRST)
        self.assertEqual(kept.read(text.replace("\ngoals: P1 P2", "")), ([(FIRST, ["P1", "P2"])], rows))

    def test_cells_that_would_be_two_or_are_empty(self):
        text, _ = kept.merged("", [("P1", "failed: a | b", "", "", "", "")], FIRST)
        self.assertEqual(kept.read(text)[1], [("P1", "failed: a / b", "", "", "", "")])


class Sweep(unittest.TestCase):
    def test_finds_what_a_server_carries_from_wherever_it_begins(self):
        for begin in (100, 900, 1000, 5000):
            rate, most = overload.best_of_sweep(lambda rate: min(rate, 1000), begin)
            self.assertEqual(most, 1000, begin)
            self.assertTrue(970 <= rate <= 1000 * overload.STEP or rate in (begin / 2 ** n for n in range(10)), (begin, rate))

    def test_a_server_that_collapses_is_not_offered_more_than_it_carries(self):
        rate, most = overload.best_of_sweep(lambda rate: rate if rate <= 1000 else 100, 5000)
        self.assertEqual(rate, most)
        self.assertGreaterEqual(most, 1000 / overload.STEP)


class Growth(unittest.TestCase):
    def test_curves_are_those_of_the_rows(self):
        rows = [("G1", "CPU per hit with 1 sites", "", "0.250 us", "", ""), ("G1", "CPU per hit with 1,000 sites", "", "0.500 us", "", ""), row("P1", "CPU per hit"),
                ("G1", "instructions per hit with 1,000 sites", "", "4474", "", "")]
        self.assertEqual(growth.curves(rows), {"sites": {1: 1.0, 1000: 2.0}})
        self.assertIn("sites", growth.svg(growth.curves(rows)))


class Batches(unittest.TestCase):
    def test_one_that_is_refused_is_sent_again_until_it_is_taken(self):
        refused = b'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 15\r\n\r\n{"status":503}\n'
        taken = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"accepted":7}'
        answers, heard = [refused] * 30 + [taken] * 5, []

        def serve(listener):
            waiting = [listener]
            while answers:
                for connection in select.select(waiting, [], [], 10)[0]:
                    if connection is listener:
                        waiting.append(listener.accept()[0])
                    elif request := connection.recv(100):
                        heard.append(request)
                        connection.sendall(answers.pop(0))
                    else:
                        waiting.remove(connection)
                        connection.close()
            for connection in waiting[1:]:
                connection.close()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=serve, args=[listener], daemon=True)
            server.start()
            whole = [b"%d" % n for n in range(5)]
            self.assertEqual(batches.send_all(listener.getsockname()[1], whole), 5 * 7)
            server.join(10)
        self.assertEqual(len(heard), 35)
        self.assertEqual(set(heard), set(whole))


class Browsers(unittest.TestCase):
    def test_shapes_are_read_as_they_stand(self):
        shapes = browsers.shapes()
        self.assertEqual(len({shape.name for shape in shapes}), len(shapes))
        for shape in shapes:
            head = browsers.ping(1, shape, "/")
            self.assertTrue(head.endswith("\r\n\r\n") and head.count("\r\n\r\n") == 1, head)
            for line in head.split("\r\n")[1:-2]:
                self.assertRegex(line, r"^[A-Za-z-]+: \S")
        self.assertEqual(len(browsers.one()), 1)

    def test_a_mix_has_each_of_them_and_is_the_same_again(self):
        text = browsers.lua(16)
        for shape in browsers.shapes():
            self.assertIn(shape.agent, text)
        self.assertEqual(text, browsers.lua(16))
        self.assertEqual(browsers.lua(16, browsers.one()).count("Firefox"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
