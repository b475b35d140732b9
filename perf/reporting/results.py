# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""Reads the JSON of docs/perf-json.md, version 1, and refuses what it is not."""

import json
import math
import re
from dataclasses import dataclass, field

PARAMETERS = ("payload", "batch", "threads", "capacity", "placement")

# A percentile bootstrap of a median of fewer rounds cannot reach 95 %: the widest interval that
# five rounds have, from the least to the most, covers 1 - 2 / 2^5 = 94 %.
LEAST_ROUNDS = 6

# Names that cases had in files that were written before; docs/perf-json.md lists them.
RENAMED = (
    (r"ring_1p1c", r"unicast_1p1c"),
    (r"ring_many_1p1c", r"unicast_1p1c_many"),
    (r"ring_batch_(\d+)", r"unicast_1p1c_batch_\1"),
    (r"ring_(64|1000)((?:_batch_\d+)?)", r"unicast_1p1c_\1\2"),
    (r"ring_([23])p1c", r"sequencer_\1p1c"),
    (r"ring_1p([23])c", r"multicast_1p\1c"),
    (r"diamond", r"diamond_1p3c"),
    (r"latency_(\d+m)_(.*)", r"one_way_\1_\2"),
    (r"wake_up", r"wake"),
)


class Refused(Exception):
    """What was found, where, and what to do."""


@dataclass(frozen=True)
class Row:
    case: str
    contender: str
    params: tuple  # of (name, value), sorted by name
    unit: str
    rounds: int
    discarded: int
    p10: float
    median: float
    p90: float
    valid: bool
    disturbed: int = 0
    why: str = ""
    gap: int = None  # of block caches: most numbers that nobody gets when all stops at once

    def __getattr__(self, name):  # the parameters by their names
        return _parameter(self, name)


@dataclass(frozen=True)
class Ratio:
    case: str
    params: tuple
    ours: str
    peer: str
    median: float
    low: float
    high: float
    wins: int
    rounds: int  # 0: not known

    def __getattr__(self, name):
        return _parameter(self, name)

    @property
    def key(self):
        return (self.case, self.params, self.ours, self.peer)

    @property
    def few(self):
        return 0 < self.rounds < LEAST_ROUNDS

    @property
    def verdict(self):
        if self.low > 1:
            return "faster"
        return "slower" if self.high < 1 else "even"


def _parameter(of, name):
    for key, value in object.__getattribute__(of, "params"):
        if key == name:
            return value
    raise AttributeError(name)


@dataclass(frozen=True)
class Lines:
    """What a cache line takes from core to core, one way, in nanoseconds."""
    cpus: tuple
    ns: tuple  # a tuple for each of `cpus`; 0 on the diagonal


@dataclass(frozen=True)
class Finding:
    """On how the host is set up."""
    topic: str
    verdict: str  # good, mind, hurts, unknown
    found: str
    advice: str


VERDICTS = ("good", "mind", "hurts", "unknown")


@dataclass
class Results:
    path: str
    host: dict
    rows: list
    ratios: list
    sizes: list = field(default_factory=list)    # of (what, bytes)
    targets: list = field(default_factory=list)  # of (what, target, figure, met)
    remarks: list = field(default_factory=list)
    lines: Lines = None
    findings: list = field(default_factory=list)

    def row(self, case, params, contender):
        for each in self.rows:
            if (each.case, each.params, each.contender) == (case, params, contender):
                return each
        return None


def is_ours(contender):
    return contender == "sequencer" or contender.startswith("sequencer:")


def is_null(ratio):
    """Ours beside itself: what it shows is what measuring gets wrong."""
    return {ratio.ours, ratio.peer} == {"sequencer", "sequencer:again"}


def current_name(case):
    for old, new in RENAMED:
        if re.fullmatch(old, case):
            return re.sub(old, new, case)
    return case


class _Reader:
    """Takes fields out of one object and says where the one lies that is wrong."""

    def __init__(self, path, where, given):
        self.path, self.where, self.given = path, where, given
        if not isinstance(given, dict):
            self.refuse("", "an object")

    def refuse(self, name, wanted):
        at = ".".join(each for each in (self.where, name) if each)
        found = self.given.get(name, "nothing") if isinstance(self.given, dict) else self.given
        raise Refused(f"{self.path}: {at or 'the file'} is {json.dumps(found)[:60]}, {wanted} was "
                      "expected: not the JSON of docs/perf-json.md; measure again with --json")

    def text(self, name, default=None):
        value = self.given.get(name, default)
        if not isinstance(value, str):
            self.refuse(name, "a text")
        return value

    def count(self, name, default=None):
        value = self.given.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.refuse(name, "a count")
        return value

    def number(self, name):
        value = self.given.get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.refuse(name, "a number")
        if not -1e300 < value < 1e300:  # and so neither infinite nor not a number
            self.refuse(name, "a number")
        return float(value)

    def truth(self, name):
        value = self.given.get(name)
        if not isinstance(value, bool):
            self.refuse(name, "true or false")
        return value

    def each(self, name, needed=True):
        value = self.given.get(name, None if needed else [])
        if not isinstance(value, list):
            self.refuse(name, "a list")
        prefix = self.where + "." if self.where else ""
        return [(f"{prefix}{name}[{i}]", item) for i, item in enumerate(value)]

    def params(self):
        inner = _Reader(self.path, self.where + ".params", self.given.get("params"))
        for name in PARAMETERS[:-1]:
            inner.count(name)
        inner.text("placement")
        for name, value in inner.given.items():
            if not isinstance(value, (int, float, str)) or isinstance(value, bool):
                inner.refuse(name, "a number or a text")
        return tuple(sorted(inner.given.items()))


def _row(read):
    valid = read.truth("valid")
    figures = [read.number(name) if valid else math.nan for name in ("p10", "median", "p90")]
    return Row(current_name(read.text("case")), read.text("contender"), read.params(),
               read.text("unit"), read.count("rounds"), read.count("discarded"), *figures, valid,
               read.count("disturbed", 0), read.text("why", ""),
               read.count("gap") if read.given.get("gap") is not None else None)


def _ratio(read):
    return Ratio(current_name(read.text("case")), read.params(), read.text("ours"),
                 read.text("peer"), read.number("median"), read.number("low"),
                 read.number("high"), read.count("wins"), read.count("rounds", 0))


def _lines(read):
    cpus = tuple(_Reader(read.path, "", {at: item}).count(at) for at, item in read.each("cpus"))
    rows = []
    for where, row in read.each("one_way_ns"):
        inner = _Reader(read.path, "", {where: row})
        rows.append(tuple(_Reader(read.path, "", {at: item}).number(at)
                          for at, item in inner.each(where)))
        if len(rows[-1]) != len(cpus):
            inner.refuse(where, f"a list of {len(cpus)} numbers")
    if len(rows) != len(cpus):
        read.refuse("one_way_ns", f"a list of {len(cpus)} lists")
    return Lines(cpus, tuple(rows))


def _finding(read):
    verdict = read.text("verdict")
    if verdict not in VERDICTS:
        read.refuse("verdict", "one of " + ", ".join(VERDICTS))
    advice = "" if read.given.get("advice") is None else read.text("advice")
    return Finding(read.text("topic"), verdict, read.text("found"), advice)


def _with_rounds(found, results):
    """Older files do not say of how many rounds a ratio is: of no more than either side has."""
    if found.rounds:
        return found
    sides = [results.row(found.case, found.params, each) for each in (found.ours, found.peer)]
    rounds = min((each.rounds for each in sides if each), default=0)
    return Ratio(found.case, found.params, found.ours, found.peer, found.median, found.low,
                 found.high, found.wins, max(rounds, found.wins))


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as why:
        raise Refused(f"{path}: cannot be read: {why.strerror}") from None
    except (ValueError, RecursionError) as why:
        raise Refused(f"{path}: is not JSON: {why}") from None


def load(path):
    given = read_json(path)
    top = _Reader(path, "", given)
    version = given.get("version")
    if version != 1 or isinstance(version, bool):
        raise Refused(f"{path}: has version {json.dumps(version)[:60]}, and this program reads "
                      "version 1 (docs/perf-json.md): use the perf/report that came with it")
    host = _Reader(path, "host", given.get("host")).given
    found = Results(path, host, [], [])
    found.rows = [_row(_Reader(path, *each)) for each in top.each("rows")]
    ratios = [_ratio(_Reader(path, *each)) for each in top.each("ratios")]
    found.ratios = [_with_rounds(each, found) for each in ratios]
    for where, item in top.each("sizes", needed=False):
        read = _Reader(path, where, item)
        found.sizes.append((read.text("what"), read.count("bytes")))
    for where, item in top.each("targets", needed=False):
        read = _Reader(path, where, item)
        found.targets.append((read.text("what"), read.text("target"), read.text("figure"),
                              read.truth("met")))
    for where, item in top.each("remarks", needed=False):
        found.remarks.append(_Reader(path, "", {where: item}).text(where))
    if given.get("line_latency") is not None:
        found.lines = _lines(_Reader(path, "line_latency", given["line_latency"]))
    found.findings = [_finding(_Reader(path, *each)) for each in top.each("doctor", needed=False)]
    return found


def load_all(paths):
    """Several runs of one machine, each with cases of its own, as one."""
    runs = [load(path) for path in paths]
    home = {}
    for run in runs:
        for case in {each.case for each in run.rows}:
            if case in home:
                raise Refused(f"{run.path}: has the case {case}, which is in {home[case]} too: "
                              "figures of two runs do not stand beside each other; leave one out")
            home[case] = run.path
        if [run.host.get(x) for x in ("cpu", "cpus")] != [
                runs[0].host.get(x) for x in ("cpu", "cpus")]:
            raise Refused(f"{run.path}: was measured on another machine than {runs[0].path}: "
                          "make a report of each")
    return runs
