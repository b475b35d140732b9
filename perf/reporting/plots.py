# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""Plots as data; page.js hands them to Chart.js."""

import math

from . import figures
from .names import batch_family
from .parts import Plot
from .results import is_ours

COLOURS = 10
SHAPES = ("triangle", "rect", "rectRot", "cross", "crossRot", "star", "circle")


class Styles:
    """One colour and shape for each contender, in every plot of a report."""

    def __init__(self, rows, floors):
        beside = {}  # contender -> those that share a plot with it
        for family in {batch_family(row.case) for row in rows}:
            here = {row.contender for row in rows if batch_family(row.case) == family}
            for each in here:
                beside.setdefault(each, set()).update(here)
        self._of = {each: ("floor", "circle") for each in beside}
        ours = sorted(each for each in beside if is_ours(each))
        for i, each in enumerate(ours):
            self._of[each] = ("ours", ("circle", *SHAPES)[i % len(SHAPES)])
        peers = sorted(each for each in beside if not is_ours(each) and not floors.is_floor(each))
        for i, each in enumerate(peers):
            taken = {self._of[other][0] for other in beside[each]}
            free = [x for x in range(COLOURS) if f"peer{x}" not in taken]
            self._of[each] = (f"peer{free[0] if free else i % COLOURS}", SHAPES[i % len(SHAPES)])

    def of(self, contender):
        return self._of[contender]


def _around(values, room=1.25):
    """The ends of a logarithmic axis that holds the values."""
    kept = [each for each in values if each > 0]
    return min(kept) / room, max(kept) * room


def ratio_axis(ratios):
    low, high = _around([x for each in ratios for x in (each.low, each.high, each.median, 1)])
    return min(low, 0.75), max(high, 1.33)


def forest(name, group, labelled, axis):
    """Ratios with their intervals: pairs of a label and a ratio, or None under a heading."""
    rows = []
    for label, each in labelled:
        if each is None:
            rows.append({"label": label, "text": ""})
        elif each.low > 0:
            rows.append({"label": label, "median": each.median, "low": each.low,
                         "high": each.high, "verdict": each.verdict, "few": each.few,
                         "text": figures.times(each.median), "says": figures.interval(each)})
    points = sum("verdict" in each for each in rows)
    if not points:
        return None
    spec = {"rows": rows, "group": group, "min": axis[0], "max": axis[1]}
    return Plot(name, "forest", spec, points, 70 + 25 * len(rows))


def bars(name, group, labelled, unit, axis=None):
    """Bars on a logarithmic scale; `labelled` are (label, value, low, high, kind)."""
    shown = [each for each in labelled if each[1] > 0]
    if not shown:
        return None
    low, high = axis or _around([each[1] for each in shown], 1)
    low, high = 10 ** math.floor(math.log10(low) - 0.3), high * 1.3
    written = figures.span if unit == "ns" else figures.bytes_of
    rows = [{"label": label, "value": value, "low": below, "high": above, "kind": kind,
             "text": written(value)} for label, value, below, above, kind in shown]
    spec = {"rows": rows, "group": group, "min": low, "max": high, "unit": unit}
    return Plot(name, "bars", spec, len(rows), 70 + 28 * len(rows))


class Lines:
    """Series over an x axis; every point has a range, p10 to p90."""

    def __init__(self, name, x_title, y_title, unit, styles):
        self.name, self.unit, self.styles = name, unit, styles
        self.x = {"title": x_title, "log": False, "ticks": []}
        self.y = {"title": y_title, "log": True}
        self.series = {}

    def point(self, contender, x, value, low, high, aside=False):
        """A point aside (of another placement) is hollow, and no line leads to it."""
        if value > 0 and low > 0:
            at = self.series.setdefault(contender, {"points": [], "aside": []})
            at["aside" if aside else "points"].append([x, value, low, high])

    def plot(self, height=340):
        every = [point for each in self.series.values() for kind in each.values()
                 for point in kind]
        if not every:
            return None
        self.y["min"], self.y["max"] = _around([x for point in every for x in point[1:]])
        xs = sorted({point[0] for point in every})
        if not self.x["ticks"]:
            self.x["ticks"] = [[x, figures.amount(x)] for x in xs]
        if self.x["log"]:
            self.x["min"], self.x["max"] = _around(xs, 1.2)
        else:
            margin = max(0.06 * (xs[-1] - xs[0]), 1e-9)
            self.x["min"], self.x["max"] = xs[0] - margin, xs[-1] + margin
        listed, legend = [], []
        for contender in sorted(self.series, key=lambda each: (not is_ours(each), each)):
            colour, shape = self.styles.of(contender)
            ours = is_ours(contender)
            points = self.series[contender]
            listed.append({"name": contender, "colour": colour, "shape": shape, "ours": ours,
                           "points": sorted(points["points"]), "aside": points["aside"]})
            legend.append((contender, colour, shape, ours))
        spec = {"x": self.x, "y": self.y, "unit": self.unit, "series": listed}
        return Plot(self.name, "xy", spec, len(every), height, legend)
