# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""What a report consists of; page.py and markdown.py write it down."""

from dataclasses import dataclass, field


@dataclass
class Table:
    head: list
    rows: list
    text_columns: int = 1       # the first of them are words, the others figures
    marks: dict = field(default_factory=dict)  # row -> "loss" or "void"
    heat: dict = field(default_factory=dict)   # (row, column) -> 0, the least, to HEATS
    stacked: bool = False  # of few rows of prose: on a phone each cell has a line of its own


HEATS = 7


@dataclass
class Plot:
    name: str    # of the canvas
    kind: str    # forest, xy, bars
    spec: dict
    points: int  # marks that must be seen
    height: int
    legend: list = field(default_factory=list)  # of (text, colour, shape, ours)


@dataclass
class Block:
    title: str = ""
    code: str = ""   # the case's own name
    note: str = ""
    plot: Plot = None
    table: Table = None
    opened: bool = False  # a table without a plot, or one that is read at once


@dataclass
class Section:
    name: str
    title: str
    intro: list
    blocks: list
