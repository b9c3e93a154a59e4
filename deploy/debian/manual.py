#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and bash completion, from what the programs themselves say to --help: manual.py BUILD DIRECTORY

DIRECTORY/man/man8/footfalld.8, man1/footfall.1, man1/footfall-COMMAND.1; DIRECTORY/bash-completion/footfall, for both programs.
Tested by tests/integration/debian_test.py."""
import os
import pathlib
import re
import subprocess
import sys
import time

COLUMN = 30  # where CLI11 begins descriptions
ENDS = {"footfall": "0 if it was done, 1 if it failed, 2 if the command line was wrong.",
        "footfalld": "0 after a clean stop, 1 if it failed, 2 if the configuration is wrong."}
FILES = {"footfalld": [("/etc/footfall/footfalld.toml", "what the service is started with: the same options, keys as the flags without --"),
                       ("/var/lib/footfall", "the data directory; the first start writes admin-token there, for its own user to read")],
         "footfall": [("/var/lib/footfall/admin-token", "the token that is used if no other is named")]}


class Help:
    """What a program says of itself, or of a command of its: words."""

    def __init__(self, build, words):
        self.words = words
        text = subprocess.run([str(build / words[0]), *words[1:], "--help"], capture_output=True, text=True, check=True).stdout
        self.about, _, rest = text.partition("\nUsage: ")
        self.usage, _, rest = rest.partition("\n")
        self.sections = []  # (title, [(term, description)])
        for line in rest.splitlines():
            if re.fullmatch(r"\S.*:", line):
                self.sections.append((line[:-1].lower(), []))
            elif line.startswith(" " * COLUMN):
                term, said = self.sections[-1][1][-1]
                self.sections[-1][1][-1] = (term, f"{said} {line.strip()}".strip())
            elif line.startswith("  "):
                wide = line[COLUMN - 1:COLUMN] != " "  # the description is on the next line
                self.sections[-1][1].append((line.strip(), "") if wide else (line[:COLUMN].strip(), line[COLUMN:].strip()))
        commands = next((entries for title, entries in self.sections if title == "subcommands"), [])
        self.commands = [Help(build, [*words, name]) for name, _ in commands]
        self.options = [option for title, entries in self.sections if title not in ("subcommands", "positionals") for option in entries]
        self.positionals = [entry for title, entries in self.sections if title == "positionals" for entry in entries]

    def with_commands(self):
        yield self
        for command in self.commands:
            yield from command.with_commands()


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "\\&" + text if text.startswith((".", "'")) else text
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return re.sub(r"\S{40,}", lambda word: re.sub(r"([,/@?&])", r"\1\\:", word[0]), text)  # where a long word may be broken


def term_of(option):
    """`--at TEXT (Env:X)` with what is typed in bold."""
    flags, _, more = option.partition(" ")
    return f"\\fB{roff(flags)}\\fR {roff(more)}".strip()


def entries_of(help_, level):
    out = []
    for title, entries in help_.sections:
        if title == "subcommands":
            continue
        out.append(f".{level} {'OPTIONS' if title == 'options' else 'ARGUMENTS' if title == 'positionals' else roff(title.upper())}")
        for term, said in entries:
            out += [".TP", term_of(term), roff(said) or "\\&"]
    return out


def page(help_, section, version, day):
    """Of a program, or of one of its commands with those below it."""
    name = "-".join(help_.words)
    about = re.sub(r"^footfalld? counts visits", "counts visits", re.sub(r"^footfall: ", "", help_.about))
    summary = about.splitlines()[0].split(". ")[0].rstrip(".")
    out = [f'.\\" Made by deploy/debian/manual.py from what `{" ".join(help_.words)} --help` says.',
           f'.TH {name.upper()} {section} "{day}" "footfall {version}" "footfall"', ".ad l", ".nh", ".SH NAME", f"{roff(name)} \\- {roff(summary)}",
           ".SH SYNOPSIS", f"\\fB{roff(' '.join(help_.words))}\\fR {roff(help_.usage.removeprefix(' '.join(help_.words)).strip())}",
           ".SH DESCRIPTION", roff(help_.about)]
    out += entries_of(help_, "SH")
    deep = len(help_.words) > 1  # a command has those below it on its own page
    if help_.commands:
        out.append(".SH COMMANDS")
    for command in help_.commands:
        if deep:
            out += [f".SS {roff(' '.join(command.words))}", roff(command.about), ".PP", f"\\fB{roff(command.usage)}\\fR"]
            for _, entries in command.sections:
                for term, said in entries:
                    out += [".TP", term_of(term), roff(said) or "\\&"]
        else:
            out += [".TP", f"\\fB{roff(command.words[-1])}\\fR", f"{roff(command.about)}; see \\fB{roff('-'.join(command.words))}\\fR(1)"]
    program = help_.words[0]
    out += [".SH EXIT STATUS", ENDS[program]]
    if not deep:
        out.append(".SH FILES")
        for file, said in FILES[program]:
            out += [".TP", f"\\fI{roff(file)}\\fR", roff(said)]
    others = {"footfalld": "footfall(1)", "footfall": "footfalld(8)"}[program] if not deep else "footfall(1), footfalld(8)"
    out += [".SH SEE ALSO", roff(others)]
    return "\n".join(out) + "\n"


def flags_of(option):
    return re.findall(r"--?[a-zA-Z][a-zA-Z0-9-]*", option.split(" ")[0])


def choices_of(option, said):
    """What its value may be, where it is one of few."""
    if found := re.search(r"\{([^}]*)\}", option):
        return found[1].split(",")
    if "true|false" in option or " BOOL" in option:
        return ["true", "false"]
    return []


def completion(programs):
    commands, flags, values, files = [], [], [], []
    for program in programs:
        for help_ in program.with_commands():
            path = " ".join(help_.words)
            if help_.commands:
                commands.append(f'    "{path}") echo "{" ".join(c.words[-1] for c in help_.commands)}" ;;')
            flags.append(f'    "{path}") echo "{" ".join(f for option, _ in help_.options for f in flags_of(option) if f.startswith("--"))}" ;;')
            for option, said in help_.options:
                takes = option.split(" ")[1:2]
                for flag in flags_of(option):
                    if choices := choices_of(option, said):
                        values.append(f'    "{path} {flag}") echo "{" ".join(choices)}" ;;')
                    elif takes and re.match(r"[A-Z]", takes[0]) and not takes[0].startswith(("Needs", "Excludes", "(Env")):
                        files.append(f'"{path} {flag}"')
    return f"""# bash completion for footfalld and footfall. Made by deploy/debian/manual.py from what they say to --help.
_footfall_commands() {{
  case $1 in
{chr(10).join(commands)}
  esac
}}
_footfall_options() {{
  case $1 in
{chr(10).join(flags)}
  esac
}}
# Of an option with a value: what it may be.
_footfall_choices() {{
  case $1 in
{chr(10).join(values)}
  esac
}}
_footfall_takes_text() {{
  case $1 in
    {"|".join(files)}) return 0 ;;
  esac
  return 1
}}
_footfall() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} path=${{COMP_WORDS[0]##*/}} i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case " $(_footfall_commands "$path") " in *" ${{COMP_WORDS[i]}} "*) path="$path ${{COMP_WORDS[i]}}" ;; esac
  done
  local choices=$(_footfall_choices "$path $before") commands=$(_footfall_commands "$path")
  if [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
  elif _footfall_takes_text "$path $before"; then
    COMPREPLY=($(compgen -f -- "$word"))
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$(_footfall_options "$path")" -- "$word"))
  elif [ -n "$commands" ]; then
    COMPREPLY=($(compgen -W "$commands" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _footfall footfall footfalld
"""


def main(build, directory):
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    daemon, client = Help(build, ["footfalld"]), Help(build, ["footfall"])
    version = subprocess.run([str(build / "footfalld"), "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    for section, pages in ((8, [daemon]), (1, [client, *client.commands])):
        place = directory / "man" / f"man{section}"
        place.mkdir(parents=True, exist_ok=True)
        for help_ in pages:
            (place / f"{'-'.join(help_.words)}.{section}").write_text(page(help_, section, version, day))
    place = directory / "bash-completion"
    place.mkdir(parents=True, exist_ok=True)
    (place / "footfall").write_text(completion([daemon, client]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: manual.py BUILD DIRECTORY")
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
