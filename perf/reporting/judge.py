# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""Which targets a run falls short of."""

from fnmatch import fnmatchcase

from . import figures
from .results import Refused, is_null, is_ours, read_json

def table(head, lines):
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in [head, *lines]]


def machine(host):
    return f"{host.get('cpu', 'an unknown processor')}, {host.get('cpus', '?')} CPUs"


# ---- the same build beside itself

LEAST_CONTAINING = 17 / 20


class NullCases:
    """Of runs with sequencer:again: in how many a ratio that is 1 has 1 within its interval."""

    def __init__(self, runs):
        self.counts = {}  # (case, params) -> [that contain 1, runs]
        for each in (x for run in runs for x in run.ratios):
            if is_null(each) and not each.few:
                count = self.counts.setdefault((each.case, each.params), [0, 0])
                count[0] += each.low <= 1 <= each.high
                count[1] += 1
        self.runs = len(runs)

    def enough(self, count):
        """Whether it is judged: placements that were rare have few runs."""
        return 2 * count[1] >= self.runs

    def short(self, count):
        return self.enough(count) and count[0] < LEAST_CONTAINING * count[1]

    @property
    def judged(self):
        return [count for count in self.counts.values() if self.enough(count)]

    @property
    def met(self):
        return bool(self.judged) and not any(self.short(count) for count in self.judged)


def describe_nulls(found):
    def verdict(count):
        if not found.enough(count):
            return "too few runs"
        return "SHORT" if found.short(count) else "pass"
    lines = [(case, figures.params_in_words(case, params), f"{count[0]} of {count[1]}",
              verdict(count)) for (case, params), count in found.counts.items()]
    said = table(("case", "params", "contain 1", ""), lines)
    wanted = f"{LEAST_CONTAINING:.0%}"
    said.append(f"{found.runs} runs of one build beside itself: in at least {wanted} of them the "
                "interval should contain 1.")
    return said


class Target:
    FIELDS = {"what": str, "case": str, "params": dict, "ours": str, "peer": (str, list),
              "except": list, "least": (int, float), "by": str, "or_as": str, "crowded": bool,
              "where_installed": bool}

    def __init__(self, path, where, given):
        if not isinstance(given, dict):
            raise Refused(f"{path}: {where} is no object: each target is one")
        for name, value in given.items():
            kind = self.FIELDS.get(name)
            if kind is None:
                raise Refused(f"{path}: {where} has the field {name!r}, which no target has: "
                              f"there are {', '.join(self.FIELDS)}")
            if not isinstance(value, kind) or (kind == (int, float) and isinstance(value, bool)):
                raise Refused(f"{path}: {where}.{name} is {value!r}: see perf/METHOD.md, "
                              "\"Targets\"")
        for name in ("case", "ours", "peer", "least"):
            if name not in given:
                raise Refused(f"{path}: {where} has no {name!r}, which every target needs")
        self.case, self.ours, self.least = given["case"], given["ours"], given["least"]
        self.peers = given["peer"] if isinstance(given["peer"], list) else [given["peer"]]
        self.excepted = given.get("except", [])
        self.params = given.get("params", {})
        self.by = given.get("by", "median")
        if self.by not in ("median", "high"):
            raise Refused(f"{path}: {where}.by is {self.by!r}: there are median and high")
        self.or_as = given.get("or_as")
        self.crowded = given.get("crowded")
        self.where_installed = given.get("where_installed", False)
        self.what = given.get("what") or f"{self.case}, {self.ours} to {', '.join(self.peers)}"

    def _peer_counts(self, peer):
        if any(fnmatchcase(peer, each) for each in self.excepted):
            return False
        return "fastest" in self.peers or any(fnmatchcase(peer, each) for each in self.peers)

    def _params_fit(self, of, cpus):
        there = dict(of.params)
        fits = all(there.get(name) == value for name, value in self.params.items())
        return fits and (self.crowded is None or self.crowded == (of.threads > cpus))

    def ratios(self, results):
        return [each for each in results.ratios
                if each.case == self.case and each.ours == self.ours
                and self._peer_counts(each.peer)
                and self._params_fit(each, results.host.get("cpus", 0))]

    def applies(self, results):
        """Whether it asks anything of this run: not of a shape that is not crowded here, nor of
        a peer that is not installed."""
        rows = [each for each in results.rows if each.case == self.case]
        cpus = results.host.get("cpus", 0)
        if self.crowded is not None and rows and not any(self._params_fit(x, cpus) for x in rows):
            return False
        there = [x for x in rows if not is_ours(x.contender) and self._peer_counts(x.contender)]
        return not (self.where_installed and rows and not there)

    def asked(self, results, ratio):
        """What is asked for: `least`, or what the contender `or_as` reaches, where that is less."""
        if self.or_as is None:
            return self.least
        for each in results.ratios:
            if each.key == (ratio.case, ratio.params, self.or_as, ratio.peer):
                return min(self.least, 0.98 * each.low)
        return self.least


class Judged:
    def __init__(self, target, results):
        self.target, self.ratio, self.asked = target, None, target.least
        found = target.ratios(results)
        if found:
            self.ratio = min(found, key=lambda each: each.median)
            self.asked = target.asked(results, self.ratio)
        self.met = self.ratio is not None and getattr(self.ratio, target.by) >= self.asked

    def line(self):
        here = "not measured, or void"
        if self.ratio is not None:
            here = f"{figures.interval(self.ratio)} to {self.ratio.peer}"
            here += f", {self.ratio.rounds} rounds only" if self.ratio.few else ""
        least = f"{figures.short(self.asked)}" + (" in reach" if self.target.by == "high" else "")
        return (self.target.what, least, here, "pass" if self.met else "SHORT")


def load_targets(path):
    given = read_json(path)
    if not isinstance(given, dict) or given.get("version") != 1:
        raise Refused(f"{path}: is not a file of targets of version 1, as perf/targets.json is")
    if not isinstance(given.get("targets"), list):
        raise Refused(f"{path}: has no list \"targets\"")
    return [Target(path, f"targets[{i}]", each) for i, each in enumerate(given["targets"])]


def judge(targets, results, measured_only=False):
    """The targets that apply, judged; and how many were left out."""
    cases = {each.case for each in results.rows}
    chosen = [each for each in targets if not measured_only or each.case in cases]
    judged = [Judged(each, results) for each in chosen if each.applies(results)]
    return judged, len(targets) - len(judged)


def describe_targets(judged, left_out):
    short = [each for each in judged if not each.met]
    said = table(("target", "at least", "here", ""), [each.line() for each in judged])
    said.append(f"{len(judged) - len(short)} targets met, {len(short)} short"
                + (f", {left_out} not asked of this run" if left_out else "") + ".")
    return said
