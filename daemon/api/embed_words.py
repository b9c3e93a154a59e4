# SPDX-License-Identifier: Apache-2.0
"""Writes the counter's words, a file for each language, into a C++ source: embed_words.py OUT.cc en.txt vi.txt ...

A line is NAME = LONG | SHORT, or NAME = BOTH; '#' begins a comment. Each of NAMES stands once.
"""
import pathlib
import re
import sys

NAMES = ("title", "total", "online", "today", "yesterday", "month", "year", "visitors", "bots", "peak")  # title, then in the order of Shown
LENGTH_MAX = 100  # bytes, as of a label that is given


def words_of(path):
    words = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, separator, text = line.partition("=")
        if not line.strip() or line.startswith("#"):
            continue
        long, _, short = (part.strip() for part in text.partition("|"))
        name = name.strip()
        short = short or long
        if not separator or name not in NAMES or name in words or not long:
            sys.exit(f"{path}:{number}: a line is NAME = LONG | SHORT, with each of {', '.join(NAMES)} once")
        if any(len(word.encode()) > LENGTH_MAX or not word.isprintable() for word in (long, short)):
            sys.exit(f"{path}:{number}: a word has at most {LENGTH_MAX} bytes, and no control characters")
        words[name] = (long, short)
    absent = [name for name in NAMES if name not in words]
    if absent or not re.fullmatch("[a-z]{2,3}", path.stem):
        sys.exit(f"{path}: " + (f"{absent[0]} is absent" if absent else "a file is named after a language's tag, as vi.txt"))
    return words


target, *sources = sys.argv[1:]
languages = sorted((path.stem, words_of(path)) for path in map(pathlib.Path, sources))
with open(target, "w", encoding="utf-8") as file:
    file.write('// Made by embed_words.py.\n#include "api/widget_words.h"\n\nnamespace footfall::api {\n\nnamespace {\n\n')
    file.write(f"constexpr std::array<WidgetLanguage, {len(languages)}> kLanguages{{{{\n")
    for code, words in languages:
        labels = "".join(f'{{R"w({words[name][0]})w", R"w({words[name][1]})w"}},\n      ' for name in NAMES[1:])
        file.write(f'    {{"{code}",\n     R"w({words["title"][0]})w",\n     {{{{{labels.rstrip()}}}}}}},\n')
    file.write("}};\n\n}  // namespace\n\nstd::span<const WidgetLanguage> widget_languages() {\n  return kLanguages;\n}\n\n}  // namespace footfall::api\n")
