# SPDX-License-Identifier: Apache-2.0
"""The build is configured where the test libraries are not installed, and says that the tests are left out."""
import pathlib
import subprocess
import tempfile
import unittest

from footfall import ROOT

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


if __name__ == "__main__":
    unittest.main(verbosity=2)
