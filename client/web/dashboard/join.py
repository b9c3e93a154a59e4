# SPDX-License-Identifier: Apache-2.0
"""Makes the dashboard's script of its files and words: join.py OUT.js [DIRECTORY]

The files stand in one scope, in the order of FILES. Words are lines NAME = TEXT, or NAME = ONE | MANY where the text depends
on {n}; '#' begins a comment. Each language has every name, with the same {places}; each name is used, as a quoted text,
and each that t() is given is there. Anything else is an error.
"""
import json
import pathlib
import re
import sys

FILES = ("dom", "words", "dates", "api", "export", "chart", "panel", "head", "lists", "embed", "waiting", "login", "sites", "site", "main")


def places(text):
    return sorted(set(re.findall(r"\{(\w+)\}", text)))


def words_of(path):
    words = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, separator, text = (part.strip() for part in line.partition(" = "))
        if not separator or not text or name in words or not re.fullmatch("[a-z][a-z0-9_]*", name):
            sys.exit(f"{path}:{number}: a line is NAME = TEXT or NAME = ONE | MANY, each name once")
        one, _, many = text.partition(" | ")
        words[name] = [one.strip(), many.strip()] if many else text
    return words


def check(languages, script):
    given = set(re.findall(r"""\b(?:t|figure)\('([^']*)'""", script)) | set(re.findall(r"""\bword: '([^']*)'""", script))
    for pair in re.findall(r"""\bt\([^;()]*? \? '([a-z0-9_]+)' : '([a-z0-9_]+)'\)""", script):
        given.update(pair)
    for table in set(re.findall(r"""\bt\(([A-Z]+)\[""", script)):  # t(REASONS[reason]): each value of the table
        body = re.search(rf"const {table} = {{(.*?)}};", script, re.DOTALL)[1]
        given.update(re.findall(r""": '([a-z0-9_]+)'""", body))
    quoted = set(re.findall(r"""['"]([a-z][a-z0-9_]*)['"]""", script))
    dotted = set(re.findall(r"\bWORDS\[\w+\]\.(\w+)", script))  # WORDS[language].language
    given, quoted = given | dotted, quoted | dotted
    names = set().union(*languages.values()) | given
    for language, words in sorted(languages.items()):
        for name in sorted(names):
            if name not in words:
                sys.exit(f"words/{language}.txt: {name} is absent")
            texts = {language: words[name] for language, words in languages.items() if name in words}
            if len({tuple(places("".join(text))) for text in texts.values()}) != 1:
                sys.exit(f"words: {name} has other {{places}} in one language than in another")
    unused = sorted(names - quoted)
    if unused:
        sys.exit(f"words: {', '.join(unused)}: not used")


def main():
    target = pathlib.Path(sys.argv[1])
    directory = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent)
    languages = {path.stem: words_of(path) for path in sorted((directory / "words").glob("*.txt"))}
    script = "\n".join((directory / f"{name}.js").read_text(encoding="utf-8") for name in FILES)
    check(languages, script)
    words = json.dumps(languages, ensure_ascii=False, separators=(",", ":"))
    target.write_text(f"(() => {{\n'use strict';\nconst WORDS = {words};\n{script}\n}})();\n", encoding="utf-8")


main()
