# SPDX-License-Identifier: Apache-2.0
"""Writes the "- regex:" lines of device-detector's bots.yml into a C++ source: embed_crawlers.py BOTS_YML|"" OUT.cc

Without a list (an empty name) the source holds an empty one. Everything else of the file (names, addresses) is left out.
"""
import sys

source, target = sys.argv[1:]
lines = []
if source:
    with open(source, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if line.startswith("- regex:")]
text = "".join(f'    R"list({line}\n)list"\n' for line in lines) or '    ""\n'
with open(target, "w", encoding="utf-8") as file:
    file.write('// Made by embed_crawlers.py.\n#include "lookup/pattern_list.h"\n\nnamespace footfall::lookup {\n\n')
    file.write(f"std::string_view built_in_crawler_list() {{\n  return\n{text}      ;\n}}\n\n}}  // namespace footfall::lookup\n")
