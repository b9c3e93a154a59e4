# SPDX-License-Identifier: Apache-2.0
"""The build is configured where the test libraries are not installed, and says that the tests are left out. What it made is hardened. A language of
the counter that is not whole stops it."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from footfall import BUILD, ROOT, cached

WITHOUT = ["-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON"]


class Build(unittest.TestCase):
    def configure(self, *options):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(["cmake", "--preset", "release", "-B", directory, *WITHOUT, *options], cwd=ROOT, capture_output=True, text=True)
            return done, (pathlib.Path(directory) / "build.ninja").is_file()

    def test_without_the_test_libraries_the_binaries_are_built_alone(self):
        done, made = self.configure()
        self.assertEqual((done.returncode, made), (0, True), done.stderr)
        self.assertIn("the tests are not built: GTest is not installed", done.stdout)
        self.assertIn("the benchmarks are not built: benchmark is not installed", done.stdout)

    def test_who_asks_for_the_tests_is_told_what_is_missing(self):
        done, _ = self.configure("-DFOOTFALL_TESTS=ON")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("GTest", done.stderr)


@unittest.skipUnless(shutil.which("readelf"), "binutils is not installed")
class Hardening(unittest.TestCase):
    """daemon/options.cmake, as the binaries themselves show it."""

    @classmethod
    def setUpClass(cls):
        if cached("FOOTFALL_SANITIZE"):
            raise unittest.SkipTest("sanitizers bring their own")

    def each(self, *words):
        return [subprocess.run(["readelf", "-W", *words, BUILD / program], capture_output=True, text=True, check=True).stdout for program in ("footfalld", "footfall")]

    def test_they_may_be_loaded_anywhere(self):
        for header in self.each("--file-header"):
            self.assertRegex(header, r"Type: +DYN")
        for dynamic in self.each("--dynamic"):
            self.assertRegex(dynamic, r"FLAGS_1\).*\bPIE\b")

    def test_addresses_of_functions_are_read_only_once_it_runs(self):
        for segments in self.each("--program-headers"):
            self.assertRegex(segments, r"(?m)^ +GNU_RELRO ")
        for dynamic in self.each("--dynamic"):
            self.assertRegex(dynamic, r"FLAGS\).*\bBIND_NOW\b")

    def test_no_memory_is_written_and_executed(self):
        for segments in self.each("--program-headers"):
            self.assertRegex(segments, r"(?m)^ +GNU_STACK( +0x[0-9a-f]+){5} +RW ")
            self.assertNotRegex(segments, r"(?m)^ +[A-Z_]+( +0x[0-9a-f]+){5} +RWE")

    def test_a_smashed_stack_is_noticed(self):
        for symbols in self.each("--dyn-syms"):
            self.assertRegex(symbols, r" __stack_chk_fail@")

    def test_what_the_c_library_writes_is_bounded(self):
        if cached("CMAKE_BUILD_TYPE") not in ("Release", "RelWithDebInfo"):
            self.skipTest("_FORTIFY_SOURCE is for what is shipped")
        for symbols in self.each("--dyn-syms"):
            self.assertRegex(symbols, r" __(?!stack_)\w+_chk@")


class Words(unittest.TestCase):
    """daemon/api/embed_words.py: one file is a language."""

    def embed(self, name, text):
        with tempfile.TemporaryDirectory() as directory:
            source, target = pathlib.Path(directory) / name, pathlib.Path(directory) / "out.cc"
            source.write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, ROOT / "daemon" / "api" / "embed_words.py", target, source], capture_output=True, text=True)
            return done, target.read_text(encoding="utf-8") if target.exists() else ""

    def test_a_further_language_is_one_more_file(self):
        vietnamese = (ROOT / "client" / "web" / "words" / "vi.txt").read_text(encoding="utf-8")
        done, made = self.embed("fr.txt", vietnamese.replace("Hôm qua", "Hier | H."))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('{R"w(Hier)w", R"w(H.)w"}', made)
        self.assertIn('{R"w(Hôm nay)w", R"w(Hôm nay)w"}', made)

    def test_a_language_that_is_not_whole_stops_the_build_and_says_where(self):
        english = (ROOT / "client" / "web" / "words" / "en.txt").read_text(encoding="utf-8")
        for name, text, says in (("en.txt", english.replace("peak ", "peek "), "en.txt:12: a line is"), ("en.txt", english + "peak = P\n", "en.txt:13: a line is"),
                                 ("en.txt", english.rpartition("peak")[0], "en.txt: peak is absent"), ("en.txt", english + "peak\n", "en.txt:13:"),
                                 ("en.txt", english.replace("Today", "T\u202eoday"), "no control characters"), ("english.txt", english, "named after")):
            done, made = self.embed(name, text)
            self.assertNotEqual((done.returncode, made), (0, made), says)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
