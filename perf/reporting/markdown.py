# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""A report as Markdown: what the page says, its figures as tables."""

import re

from .page import clean


def escape(text):
    said = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for special in "\\`*[]|":
        said = said.replace(special, "\\" + special)
    return said


def _code(name):
    return f"`{name}`" if re.fullmatch(r"[\w.:-]+", name, re.ASCII) else escape(name)


def _table(table):
    def line(cells):
        return "| " + " | ".join(escape(each) for each in cells) + " |"
    rule = "|" + "|".join(" --- " if i < table.text_columns else " ---: "
                          for i in range(len(table.head))) + "|"
    rows = []
    for i, cells in enumerate(table.rows):
        lost = table.marks.get(i) == "loss"
        rows.append(line(cells) if not lost else
                    "| " + " | ".join(f"**{escape(each)}**" if each and j >= table.text_columns
                                      else escape(each) for j, each in enumerate(cells)) + " |")
    return "\n".join([line(table.head), rule, *rows])


def _block(block):
    said = []
    if block.title:
        code = f" ({_code(block.code)})" if block.code else ""
        level = "####" if block.table else "###"
        said.append(f"{level} {escape(block.title)}{code}")
    if block.note:
        said.append(escape(block.note))
    if block.table:
        said.append(_table(block.table))
    return said


def write(report, title, subtitle, page):
    said = [f"# {escape(title)}", escape(subtitle),
            f"The same with plots: {escape(page)}.",
            "; ".join(f"{escape(value)} {escape(words)}" for _, value, words in report.tiles())
            + "."]
    for section in report.sections:
        said.append(f"## {escape(section.title)}")
        said += [escape(each) for each in section.intro]
        for block in section.blocks:
            said += _block(block)
    return "\n\n".join(said) + "\n"
