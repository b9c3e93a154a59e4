# SPDX-License-Identifier: Apache-2.0
"""What the Markdown says, the programs know: links lead somewhere, commands and options are those of --help, files are there, and metrics are exported."""
import functools
import re
import shlex
import shutil
import subprocess
import unittest

from all_parts import daemon_with_all_parts
from footfall import BUILD, ROOT
from guide_text import anchors, blocks, links, pages, spans

GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "client" / "web" / "README.md", ROOT / "deploy" / "runbook.md", *sorted((ROOT / "deploy" / "guides").glob("*.md"))]
ENDS = {";", "&&", "||", "|", "&", "(", ")", "<", ">", ">>", "{", "}", "do", "done", "then", "fi"}


@functools.cache
def help_of(*command):
    """(subcommands, option -> whether a value follows) of what --help says."""
    said = subprocess.run([str(BUILD / command[0]), *command[1:], "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
    below = re.findall(r"(?m)^  (\w[\w-]*)  ", said.partition("Subcommands:\n")[2])
    options = {name: bool(value) for name, value in re.findall(r"(?m)^  (?:-\w,)?(--[\w-]+)( (?! ))?", said)}
    return set(below), options


def takes_words(*command):
    said = subprocess.run([str(BUILD / command[0]), *command[1:], "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
    return "\nPositionals:\n" in said


def commands(text):
    """The words of each command of footfall or footfalld in a piece of shell; `...` and [...] stand for more."""
    text = re.sub(r"\\\n", " ", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters = "#"
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quotation over several lines
            continue
        command = []
        for word in [*words, ";"]:
            if word not in ENDS:
                command.append(word)
                continue
            while command and (re.match(r"[A-Z_]+=|-", command[0]) or command[0] in ("export", "setpriv", "sudo")):
                command.pop(0)
            if command and command[0] in ("footfall", "footfalld"):
                yield command
            command = []


def wrong_in(command):
    """What is not as --help says; empty: nothing."""
    at, rest = [command[0]], command[1:]
    while rest:
        word = rest.pop(0)
        below, options = help_of(*at)
        if word.startswith("--"):
            name, has_value, _ = word.partition("=")
            if name not in options:
                return f"{' '.join(at)} has no option {name}"
            if options[name] and not has_value and rest:
                rest.pop(0)
        elif word == "...":
            continue
        elif word in below:
            at.append(word)
        elif below and not takes_words(*at):
            return f"{' '.join(at)} has no {word}"
    return ""


class Docs(unittest.TestCase):
    def test_links_lead_somewhere(self):
        self.assertGreater(len(pages()), 10)
        broken, followed = [], 0
        for page in pages():
            for link in links(page.read_text()):
                if re.match(r"[a-z]+:", link):
                    continue
                file, _, anchor = link.partition("#")
                target = (page.parent / file).resolve() if file else page
                followed += 1
                if not target.exists():
                    broken.append(f"{page.relative_to(ROOT)}: {link}: no such file")
                elif anchor and anchor not in anchors(target.read_text()):
                    broken.append(f"{page.relative_to(ROOT)}: {link}: no such heading")
        self.assertEqual(broken, [])
        self.assertGreater(followed, 100)

    def test_the_readme_names_every_guide(self):
        named = {(ROOT / link.partition("#")[0]).resolve() for link in links((ROOT / "README.md").read_text()) if ":" not in link}
        self.assertEqual([page.name for page in (ROOT / "deploy" / "guides").glob("*.md") if page not in named], [])

    def test_files_that_are_named_are_there(self):
        named = {(page, span) for page in GUIDES for span in spans(page.read_text()) if re.fullmatch(r"(?:daemon|client|deploy|proto|tests)/[\w./-]+", span)}
        self.assertGreater(len(named), 5)
        self.assertEqual([f"{page.relative_to(ROOT)}: {path}" for page, path in sorted(named) if not (ROOT / path).exists()], [])

    def test_commands_and_options_are_those_of_help(self):
        found = []
        for page in GUIDES:
            text = page.read_text()
            for piece in [block for language, block in blocks(text) if language in ("", "sh")] + [span for span in spans(text) if re.match(r"footfalld? \S", span)]:
                found += [(page, command) for command in commands(piece)]
        self.assertGreater(len(found), 60)
        wrong = [f"{page.relative_to(ROOT)}: {shlex.join(command)}: {wrong_in(command)}" for page, command in found if wrong_in(command)]
        self.assertEqual(wrong, [])

    def test_options_in_the_text_are_somebodys(self):
        """`--name` in backticks, and keys of the configuration, may be of any command."""
        known = set(help_of("footfalld")[1])
        todo = [("footfall",)]
        while todo:
            command = todo.pop()
            below, options = help_of(*command)
            known |= set(options)
            todo += [(*command, word) for word in below]
        named = {(page, option) for page in GUIDES if page.name != "CONTRIBUTING.md" for span in spans(page.read_text()) for option in re.findall(r"(?:^|\s)(--[a-z][\w-]+)", span)
                 if not re.match(r"(?!footfalld?\b)[a-z]", span)}  # of another program
        self.assertGreater(len(named), 40)
        self.assertEqual(sorted(f"{page.relative_to(ROOT)}: {option}" for page, option in named if option not in known), [])
        keys = {(page, key) for page in GUIDES for span in spans(page.read_text()) for key in re.findall(r"^([a-z][a-z-]+) = ", span)}
        self.assertEqual(sorted(f"{page.relative_to(ROOT)}: {key}" for page, key in keys if f"--{key}" not in help_of("footfalld")[1]), [])

    @unittest.skipUnless(shutil.which("redis-server"), "redis-server is not installed")
    def test_metrics_that_are_named_are_exported(self):
        exported = {series.split("{")[0] for series in daemon_with_all_parts(self).metrics()}
        named = {(page, name) for page in pages() if page.name != "CHANGELOG.md" for name in re.findall(r"\bfootfall_[a-z_]+", page.read_text())}
        self.assertGreater(len(named), 40)
        missing = []
        for page, name in sorted(named):
            if name not in exported and not (name.endswith("_") and any(other.startswith(name) for other in exported)):
                missing.append(f"{page.relative_to(ROOT)}: {name}")
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
