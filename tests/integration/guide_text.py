# SPDX-License-Identifier: Apache-2.0
"""What the Markdown of this repository says: its links, headings, blocks of code, and words in backticks."""
import re

from footfall import ROOT

LEFT_OUT = {"build", ".git", "node_modules"}


def pages():
    """All Markdown files of the checkout."""
    return sorted(page for page in ROOT.rglob("*.md") if not LEFT_OUT & set(page.relative_to(ROOT).parts[:-1]))


def blocks(text):
    """(language, text) of each block of code in order; one that is indented has no language."""
    found = [(at.start(), at[2], at[3]) for at in re.finditer(r"(?ms)^(```+)(\w*)\n(.*?)^\1 *$", text)]
    rest = re.sub(r"(?ms)^(```+)\w*\n.*?^\1 *$", lambda fenced: re.sub(r"[^\n]", "x", fenced[0]), text)
    for at in re.finditer(r"(?m)(?:\A|(?<=\n\n))((?:    .*\n|\n(?=    ))+)", rest):
        found.append((at.start(), "", re.sub(r"(?m)^    ", "", at[1])))
    return [(language, block) for _, language, block in sorted(found)]


def prose(text):
    """Without its blocks of code, nor what stands in backticks."""
    text = re.sub(r"(?ms)^(```+)\w*\n.*?^\1 *$", "", text)
    text = re.sub(r"(?m)(?:\A|(?<=\n\n))(?:    .*\n|\n(?=    ))+", "", text)
    return re.sub(r"(`+)[^`].*?\1", "``", text, flags=re.S)


def spans(text):
    """What stands in backticks, beside blocks of code."""
    without = re.sub(r"(?ms)^(```+)\w*\n.*?^\1 *$", "", text)
    return [re.sub(r"\s+", " ", at) for at in re.findall(r"(?<!`)`([^`]+)`(?!`)", without)]


def links(text):
    return re.findall(r"\]\(([^()\s]+)\)", prose(text))


def anchors(text):
    """Of its headings, as GitHub names them."""
    text = re.sub(r"(?ms)^(```+)\w*\n.*?^\1 *$", "", text)
    names = []
    for heading in re.findall(r"(?m)^#{1,6} +(.*?) *$", text):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        again = sum(name == other or re.fullmatch(re.escape(name) + r"-\d+", other) is not None for other in names)
        names.append(f"{name}-{again}" if again else name)
    return set(names)
