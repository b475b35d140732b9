# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""What changed between runs beyond what two runs of one build differ by."""

import math
from collections import defaultdict
from statistics import NormalDist, mean, median, variance

from . import figures, names
from .results import LEAST_ROUNDS, Refused, is_null, is_ours

MARGIN = 0.05
# How often a comparison in which nothing changed may call anything changed.
FALSE_ALARMS = 0.05
# Of fewer ratios nobody can tell what runs differ by: one that changed would be a large part.
LEAST_RATIOS = 8

_NORMAL = NormalDist()
_INTERVAL = 2 * _NORMAL.inv_cdf(0.975)   # a 95 % interval is so many standard errors wide
_MIDDLE = _NORMAL.inv_cdf(0.75)          # half of all deviations are smaller than so many


class Change:
    """One ratio, then and now: from a run each, or from several."""

    def __init__(self, before, after):
        self.old, self.new = before[-1], after[-1]
        self.counts = (len(before), len(after))
        self.then, self.now = _middle(before), _middle(after)
        self.few = not any(_can_count(x) for x in before) or not any(_can_count(x) for x in after)
        sides = [[math.log(x.median) for x in side if _can_count(x)] for side in (before, after)]
        self.moved = 0 if self.few else mean(sides[1]) - mean(sides[0])  # a logarithm
        self.within = 0 if self.few else math.hypot(*(_error(side) for side in (before, after)))
        self.kept = tuple(len(side) for side in sides)
        self.freedom = sum(max(0, len(side) - 1) for side in sides)
        self.spread = math.sqrt(sum(variance(side) * (len(side) - 1) for side in sides
                                    if len(side) > 1) / self.freedom) if self.freedom else None
        self.error = 0.0   # what it may differ by although nothing changed; a standard error
        self.beyond = self.worse = self.better = self.by_peer = False

    @property
    def by(self):
        return math.exp(self.moved) - 1

    @property
    def group(self):
        return names.group(self.new.case)

    @property
    def apart(self):
        """Whether the intervals of the last two runs do not touch."""
        return self.new.high < self.old.low or self.old.high < self.new.low

    @property
    def is_null(self):
        return is_null(self.new)

    def shown(self):
        if self.counts == (1, 1):
            return figures.interval(self.old), figures.interval(self.new)
        return tuple(f"{figures.times(value)} of {count} run" + ("" if count == 1 else "s")
                     for value, count in zip((self.then, self.now), self.counts))


def _can_count(ratio):
    return not ratio.few and ratio.low > 0


def _middle(ratios):
    kept = [x.median for x in ratios if _can_count(x)] or [x.median for x in ratios]
    if len(kept) == 1 or min(kept) <= 0:
        return kept[-1]
    return math.exp(mean(math.log(x) for x in kept))


def _error(ratios):
    """Of a side's mean, by the intervals within its runs."""
    kept = [math.log(x.high / x.low) / _INTERVAL for x in ratios if _can_count(x)]
    return math.sqrt(sum(x * x for x in kept)) / len(kept)


class Noise:
    """What runs of one build differ by: of a pair of single runs a standard deviation of the
    change of a logarithm, of several runs a side that of one run."""

    def __init__(self, changes, runs):
        judged = [each for each in changes if not each.few and not each.is_null]
        self.several = any(each.freedom for each in judged)
        self.null = _of_nulls(runs)
        if self.null is not None and not self.several:
            self.null *= math.sqrt(2)  # two runs, each with its own
        estimate = _typical_spread if self.several else _excess
        self.known = len(judged) >= LEAST_RATIOS
        self.overall = estimate(judged) if self.known else 0.0
        by_group = defaultdict(list)
        for each in judged:
            by_group[each.group].append(each)
        self.of_group = {group: estimate(there) for group, there in by_group.items()
                         if len(there) >= LEAST_RATIOS}

    def of(self, change):
        """The larger of all cases' and its own kind's, and at least that of ours beside itself."""
        noise = max(self.overall, self.of_group.get(change.group, 0), self.null or 0)
        if not self.several:
            return math.hypot(noise, change.within)
        before, after = change.kept
        own = change.spread or 0
        if not self.known and change.freedom:
            own *= _student(change.freedom)
        return max(max(noise, own) * math.sqrt(1 / before + 1 / after), change.within)


def _excess(changes):
    """What the changes scatter by beyond their own intervals: such a deviation that half of the
    changes lie where half of a normal distribution's would. Few that really changed leave it as
    it is, and so does a change that all have in common."""
    middle = median(each.moved for each in changes)

    def typical(noise):
        return median(abs(each.moved - middle) / max(1e-12, math.hypot(noise, each.within))
                      for each in changes)
    if typical(0) <= _MIDDLE:
        return 0.0
    low, high = 0.0, max(abs(each.moved - middle) for each in changes) / _MIDDLE
    for _ in range(60):
        half = (low + high) / 2
        low, high = (half, high) if typical(half) > _MIDDLE else (low, half)
    return high * (1 + 1 / math.sqrt(len(changes)))  # about as much as it may be off by itself


def _typical_spread(changes):
    """The median of the variances between runs, as one of a known variance would have it."""
    found = []
    for each in changes:
        if each.freedom:  # the median of chi squared, by Wilson and Hilferty
            found.append(each.spread ** 2 / (1 - 2 / (9 * each.freedom)) ** 3)
    return math.sqrt(median(found)) if found else 0.0


def _of_nulls(runs):
    """Of one run: ours beside itself is 1, and what it is beyond its interval is noise."""
    found = [math.log(each.median) ** 2 - _error([each]) ** 2
             for run in runs for each in run.ratios if is_null(each) and _can_count(each)]
    return math.sqrt(mean(max(0, x) for x in found)) if found else None


def _student(freedom):
    """How much farther than a normal deviate that of Student goes, at two of a hundred: few runs
    may lie close to each other by chance. Cornish and Fisher's expansion."""
    z = _NORMAL.inv_cdf(0.975)
    more = (z ** 3 + z) / 4, (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96
    return (z + more[0] / freedom + more[1] / freedom ** 2) / z


class Comparison:
    def __init__(self, old, new, margin=MARGIN):
        """`old` and `new` are lists of runs."""
        before, after = _by_key(old), _by_key(new)
        self.runs, self.margin = (old, new), margin
        self.changes = [Change(before[key], after[key]) for key in after if key in before]
        self.noise = Noise(self.changes, [*old, *new])
        self.judged = [each for each in self.changes if not each.few and not each.is_null]
        self.factor = _NORMAL.inv_cdf(1 - FALSE_ALARMS / (2 * max(1, len(self.judged))))
        self._judge()
        self.new = [after[key][-1] for key in after if key not in before]
        self.void = _became_void(before, old, new)
        self.missing = [each[-1] for key, each in before.items()
                        if key not in after and not any(key == x.key for x in self.void)]
        self.worse = [each for each in self.judged if each.worse]
        self.better = [each for each in self.judged if each.better]
        self.by_peer = [each for each in self.judged if each.by_peer]
        self.few = [each for each in self.changes if each.few and each.apart]

    def _judge(self):
        for each in self.judged:
            each.error = self.noise.of(each)
            far = each.by < -self.margin or each.by > self.margin
            each.beyond = far and abs(each.moved) > self.factor * each.error
        beside = defaultdict(list)
        for each in self.judged:
            beside[(each.new.case, each.new.params, each.new.ours)].append(each)
        for there in beside.values():
            for each in there:
                if each.beyond:
                    each.by_peer = _is_peers(each, [x for x in there if x is not each])
                    each.worse = not each.by_peer and each.moved < 0
                    each.better = not each.by_peer and each.moved > 0

    @property
    def regressed(self):
        return bool(self.worse or self.void)


def _is_peers(change, others):
    """Ours is on one side of all ratios of a case: when it changes, they all do. One that moved
    more than twice as far as those to the other peers moved because its peer did."""
    if len(others) < 2:
        return False
    along = median(x.moved for x in others) * (1 if change.moved > 0 else -1)
    return 2 * along < abs(change.moved)


def _by_key(runs):
    found = {}
    for run in runs:
        seen = set()
        for each in run.ratios:
            if each.key in seen:
                raise Refused(f"{run.path}: has two ratios of {_name(each)}: which one counts "
                              "cannot be told; measure again")
            seen.add(each.key)
            found.setdefault(each.key, []).append(each)
    return found


def _became_void(before, old, new):
    """What is void in a new run, and was in none of the old."""
    def void_in(run, ratio):
        row = run.row(ratio.case, ratio.params, ratio.ours)
        return row is not None and not row.valid
    return [ratios[-1] for ratios in before.values() if is_ours(ratios[-1].ours)
            and any(void_in(run, ratios[-1]) for run in new)
            and not any(void_in(run, ratios[-1]) for run in old)]


def _name(of):
    return f"{of.case}, {of.ours} to {of.peer}, {figures.params(of)}"


# ---- in words


def _list(title, ratios):
    """Every ratio named, those of one case and of one of ours on a line."""
    peers = {}
    for each in ratios:
        there = f"{each.case}, {each.ours}, {figures.params(each)}"
        peers.setdefault(there, []).append(each.peer)
    return [f"{title}:", *(f"  {there}: to {', '.join(found)}" for there, found in peers.items())
            ] if ratios else []


def _percent(logarithm):
    return f"{math.exp(logarithm) - 1:.1%}"


def _assumed(found):
    """What noise between runs was reckoned with, in a line."""
    noise = found.noise
    old, new = (len(side) for side in found.runs)
    parts = []
    if noise.known:
        parts.append(_percent(noise.overall) + ", by "
                     + (f"the spread of the {len(found.judged)} ratios from run to run"
                        if noise.several else
                        f"what the {len(found.judged)} ratios differ by beyond their intervals"))
        parts += [f"{_percent(x)} in \"{group}\"" for group, x in noise.of_group.items()
                  if x > noise.overall * 1.0001]
    elif noise.several:
        parts.append("each ratio's own spread from run to run")
    if noise.null is not None:
        parts.append(f"{_percent(noise.null)} by ours beside itself")
    if not parts:
        return (f"Noise between runs: not known from {old} and {new} run of {len(found.judged)} "
                "ratios: the intervals within the runs are all there is. Several files a side "
                "show it (--old A B --new C D).")
    return (f"Noise between runs (a standard deviation): {'; '.join(parts)}. A ratio changed when "
            f"it moved by more than {found.margin:.0%} and {found.factor:.1f} standard errors.")


def describe(found, table, machine):
    """The comparison as lines of text."""
    said = []
    hosts = [run.host for side in found.runs for run in side]
    if any(host.get(x) != hosts[0].get(x) for host in hosts for x in ("cpu", "cpus")):
        there = dict.fromkeys(machine(host) for host in hosts)
        said.append(f"They were measured on different machines: {'; '.join(there)}.")
    moved = sorted(found.worse + found.better, key=lambda each: each.moved)
    if moved:
        said += table(
            ("case", "ours", "peer", "params", "then", "now", "change", ""),
            [(each.new.case, each.new.ours, each.new.peer, figures.params(each.new),
              *each.shown(), f"{each.by:+.1%}", "WORSE" if each.worse else "better")
             for each in moved])
    said += _list("Void now", found.void)
    said += _list("Only in the old", found.missing)
    said += _list("Only in the new", found.new)
    said += _list("Moved, but it was the peer: ours stood where it was beside the others",
                  [each.new for each in found.by_peer])
    said += _list(f"Moved, but of fewer than {LEAST_ROUNDS} rounds, which is too few to judge",
                  [each.new for each in found.few])
    said.append(_assumed(found))
    few = sum(each.few for each in found.changes)
    said.append(
        f"{len(found.changes)} ratios compared: {len(found.worse)} worse, {len(found.better)} "
        f"better, the others within the noise"
        + (f" or of too few rounds ({few})" if few else "") + f". {len(found.void)} void now, "
        f"{len(found.missing)} missing, {len(found.new)} new.")
    return said
