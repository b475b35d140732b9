# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""Decides what a report says; a section for which nothing was measured is left out and named."""

import math
import re
from collections import defaultdict
from fnmatch import fnmatchcase

from . import figures, names
from .parts import HEATS, Block, Section, Table
from .plots import Lines, Styles, bars, forest, ratio_axis
from .results import Refused, is_ours, read_json

PLACES = {"near": "cores near each other", "one": "pinned to a core", "any": "not pinned",
          "far": "cores far apart", "sibling": "two threads of a core",
          "moved": "cores that moved in every round"}


class Reasons:
    """perf/losses.json: what is a floor and not a rival, and why we lose where we know."""

    def __init__(self, path):
        given = read_json(path)
        try:
            self.floors = {name: _sentence(why) for name, why in given["floors"].items()}
            self.known = [(each["case"], each["peer"], each.get("ours", "*"),
                           _sentence(each["why"])) for each in given["losses"]]
        except (KeyError, TypeError, AttributeError) as why:
            raise Refused(f"{path}: is not a file of reasons, as perf/losses.json is: {why!r}"
                          ) from None

    def is_floor(self, contender):
        return any(fnmatchcase(contender, each) for each in self.floors)

    def why(self, ratio):
        for case, peer, ours, why in self.known:
            if (fnmatchcase(ratio.case, case) and fnmatchcase(ratio.peer, peer)
                    and fnmatchcase(ratio.ours, ours)):
                return why
        for name, why in self.floors.items():
            if fnmatchcase(ratio.peer, name):
                return why
        return "No reason is known."


def _sentence(text):
    return " ".join(text) if isinstance(text, list) else str(text)


class Report:
    def __init__(self, runs, reasons):
        self.runs, self.reasons = runs, reasons
        self.rows = [row for run in runs for row in run.rows]
        self.ratios = [each for run in runs for each in run.ratios if is_ours(each.ours)]
        self.others = [each for run in runs for each in run.ratios if not is_ours(each.ours)]
        self.valid = [row for row in self.rows if row.valid]
        self.styles = Styles(self.rows, reasons)
        self.usual = self._usual_places()
        self.sections, self.absent = [], []
        for title, make in (
                ("At a glance", self.glance), ("Beside each peer", self.beside),
                ("Throughput against threads", self.threads),
                ("Throughput against batch", self.batches),
                ("Throughput against payload", self.payloads),
                ("Throughput against ring size", self.slots),
                ("Latency, percentile by percentile", self.percentiles),
                ("Latency against load", self.loads),
                ("Gap and cost against block size", self.blocks),
                ("Durable numbers", self.durable), ("Restarting", self.restarting),
                ("Memory", self.memory), ("Where we lose, and why", self.losses),
                ("Targets", self.targets), ("The host", self.host),
                ("How the host is set up", self.doctor), ("From core to core", self.lines)):
            found = make(title)
            if found is None:
                self.absent.append(title)
            else:
                self.sections.append(found)
        self.sections.append(self.everything("Every figure"))
        self.sections.append(self.not_measured("Not measured"))

    # ---- placement: the one in which most rounds ran; others stand aside

    def _usual_places(self):
        rounds = defaultdict(lambda: defaultdict(int))
        for row in self.valid:
            rounds[_shape(row)][row.placement] += row.rounds
        return {shape: max(there, key=lambda place: (there[place], -_rank(place)))
                for shape, there in rounds.items()}

    def is_usual(self, of):
        return self.usual.get(_shape(of), of.placement) == of.placement

    def is_rival(self, ratio):
        return not self.reasons.is_floor(ratio.peer) and not is_ours(ratio.peer)

    # ---- sections

    def glance(self, title):
        rivals = [each for each in self.ratios if self.is_usual(each) and self.is_rival(each)
                  and not names.percentile(each.case) and not names.is_sweep(each.case)]
        by_shape = defaultdict(list)
        for each in rivals:
            by_shape[_shape(each)].append(each)
        worst = []
        for shape, there in sorted(by_shape.items(), key=lambda item: _by_case(item[0])):
            main = "sequencer" if any(x.ours == "sequencer" for x in there) else there[0].ours
            worst.append(min((x for x in there if x.ours == main), key=lambda x: x.median))
        blocks = []
        if worst:
            axis = ratio_axis(worst)
            labelled = [([_where(each), "to " + each.peer], each) for each in worst]
            plot = forest(_name("glance"), "glance", labelled, axis)
            plot.height = 70 + 38 * plot.points
            blocks.append(Block(
                "Us beside the fastest peer of each case", "", "", plot,
                _ratio_table(worst)))
        return Section("glance", title, [
            "How many times as fast as a peer we are: the median over rounds in which both ran, "
            "and its 95 % interval. Right of 1 we are faster. A circle is a ratio whose whole "
            "interval is above 1, a square one whose interval contains 1, an orange triangle one "
            "whose interval is below 1; a hollow mark is one of fewer than six rounds. The fastest "
            "peer is the one that comes out best against us."] if worst else [
            "No ratio of ours to a peer was measured."], blocks)

    def tiles(self):
        rivals = [each for each in self.ratios if self.is_usual(each) and self.is_rival(each)]
        void = sum(not row.valid for row in self.rows)
        made = [("ours", sum(x.verdict == "faster" for x in rivals), "won against peers"),
                ("", sum(x.verdict == "even" for x in rivals), "undecided: 1 in the interval"),
                ("loss", sum(x.verdict == "slower" for x in rivals), "lost to peers"),
                ("loss" if void else "", void, "rows void: a number or an event was wrong")]
        judged = [each for run in self.runs for each in run.targets]
        if judged:
            met = sum(each[3] for each in judged)
            made.append(("", f"{met} of {len(judged)}", "targets met"))
        return made

    def beside(self, title):
        by_case = defaultdict(list)
        for each in self.ratios:
            floor_of_curve = each.peer == "idle_loop" and names.percentile(each.case)
            if not floor_of_curve and not names.is_sweep(each.case):
                by_case[_shape(each)].append(each)
        blocks = []
        for group in names.GROUPS:
            here = sorted((shape for shape in by_case if _group_of(shape[0]) == group),
                          key=_by_case)
            if not here:
                continue
            axis = ratio_axis([each for shape in here for each in by_case[shape]])
            blocks.append(Block(group[0], "", "", None, None))
            blocks += [self._forest(shape, by_case[shape], axis) for shape in here]
        return Section("beside", title, [
            "Every ratio that was measured, all plots of a group on one scale. Bars are 95 % "
            "intervals; the figure at the right is the median. Ratios of cores that were farther "
            "apart, or threads of one core, than in most rounds say so."],
            blocks) if blocks else None

    def _forest(self, shape, ratios, axis):
        ordered = sorted(ratios, key=lambda x: (not self.is_usual(x), _rank(x.placement),
                                                x.median))
        main = "sequencer"
        if not any(x.ours == main for x in ordered):
            main = ordered[0].ours
        labelled, place = [], ordered[0].placement
        for each in ordered:
            if each.placement != place:
                place = each.placement
                labelled.append((_place(each) + ":", None))
            peer = each.peer.removeprefix("sequencer")  # of variants of ours the colon is enough
            ours = "" if each.ours == main else f"{each.ours.removeprefix('sequencer')} to "
            labelled.append((ours + (peer or "sequencer"), each))
        said = figures.params(ordered[0], ("placement",))
        note = f"{main} to each peer; {said}; {_place(ordered[0])}."
        return Block(names.title(shape[0]), shape[0], note,
                     forest(_name("beside", *shape), "beside", labelled, axis),
                     _ratio_table(ordered))

    def threads(self, title):
        by_shape = defaultdict(list)
        for row in self.valid:
            if row.unit == "ns/item" and not names.is_sweep(row.case):
                by_shape[_shape(row, "threads")].append(row)
        blocks = []
        for shape, rows in sorted(by_shape.items(), key=lambda item: _by_case(item[0])):
            if len({row.threads for row in rows}) < 2:
                continue
            lines = Lines(_name("threads", *shape), "threads", "items a second", "/s",
                          self.styles)
            lines.x["log"] = max(row.threads for row in rows) > 8
            for row in rows:
                if row.contender != "null":
                    lines.point(row.contender, row.threads, *_rate(row), not self.is_usual(row))
            blocks.append(Block(names.title(shape[0]), shape[0],
                                figures.params(rows[0], ("threads", "placement")) + ".",
                                lines.plot(), _row_table(rows)))
        return Section("threads", title, [
            "Items a second of all threads together. A mark for each row, and its range from the "
            "10th to the 90th percentile; hollow marks are of another placement of the cores."],
            blocks) if blocks else None

    def batches(self, title):
        by_shape = defaultdict(list)
        for row in self.valid:
            if row.unit == "ns/item":
                family = names.batch_family(row.case)
                by_shape[(family, _without(row, "batch", "placement"))].append(row)
        blocks = []
        for shape, rows in sorted(by_shape.items(), key=lambda item: _by_case(item[0])):
            if len({row.batch for row in rows}) < 2:
                continue
            lines = Lines(_name("batch", *shape), "events a call", "events a second", "/s",
                          self.styles)
            lines.x["log"] = True
            for row in rows:
                if row.contender != "null":
                    lines.point(row.contender, row.batch, *_rate(row), not self.is_usual(row))
            blocks.append(Block(f"Events of {figures.count(rows[0].payload)} bytes", shape[0],
                                figures.params(rows[0], ("batch", "placement")) + ".",
                                lines.plot(380), _row_table(rows)))
        return Section("batch", title, [
            "Events a second through one producer and one consumer, by how many go in one call. "
            "More is better; the range is the 10th to the 90th percentile, hollow marks are of "
            "another placement."], blocks) if blocks else None

    def percentiles(self, title):
        by_shape = defaultdict(list)
        for row in self.valid:
            found = names.percentile(row.case)
            if found:
                by_shape[(found[0], row.params)].append((found[1], row))
        blocks = []
        for (base, params), rows in sorted(by_shape.items(), key=lambda item: _by_case(item[0])):
            if len({at for at, _ in rows}) < 3:
                continue
            lines = Lines(_name("curve", base, params), "percentile", "latency", "ns", self.styles)
            lines.x["ticks"] = [[_nines(at), f"p{at:g}"] for at in sorted({at for at, _ in rows})]
            for at, row in rows:
                lines.point(row.contender, _nines(at), row.median, row.p10, row.p90)
            plot = lines.plot()
            plot.spec["shadeFloor"] = True
            blocks.append(Block(names.title(base), base,
                                f"{figures.params(rows[0][1], ('placement',))}; "
                                f"{_place(rows[0][1])}.", plot,
                                _row_table([row for _, row in rows])))
        return Section("percentiles", title, [
            "From the moment an event was meant to be sent, whether or not the sender was on time, "
            "until its consumer saw it. The shaded floor is a loop that sends nothing and notes "
            "how late it notices each moment: the machine's own hiccups, without which no "
            "latency can be had here. Lines join medians over rounds; ranges are p10 to p90."],
            blocks) if blocks else None

    def loads(self, title):
        by_family = defaultdict(list)
        for row in self.valid:
            found = names.percentile(row.case)
            at = found and names.load(found[0], row.params)
            if at and found[1] in (50, 99, 99.9):
                by_family[(at[0], at[2], found[1])].append((at[1], row))
        blocks = []
        for (family, unit, percentile), rows in sorted(by_family.items(), key=str):
            if len({load for load, _ in rows}) < 2:
                continue
            lines = Lines(_name("load", family, unit, percentile), unit, "latency", "ns",
                          self.styles)
            lines.x["log"] = unit == "events/s"
            for load, row in rows:
                lines.point(row.contender, load, row.median, row.p10, row.p90,
                            not self.is_usual(row))
            plot = lines.plot(300)
            plot.spec["shadeFloor"] = True
            blocks.append(Block(f"Percentile {percentile:g}", family, "", plot,
                                _row_table([row for _, row in rows])))
        return Section("loads", title, [
            "The same latency by how many events are sent, at three percentiles. Less is better; "
            "the shaded floor is the machine's own lateness."], blocks) if blocks else None

    def _sweep(self, title, case, field, x_title, intro):
        by_shape = defaultdict(list)
        for row in self.valid:
            if row.case == case:  # other sizes may need other numbers of slots
                by_shape[_shape(row, field, "capacity")].append(row)
        blocks = []
        for shape, rows in sorted(by_shape.items(), key=lambda item: _by_case(item[0])):
            if len({getattr(row, field) for row in rows}) < 2:
                continue
            lines = Lines(_name(case, *shape), x_title, "events a second", "/s", self.styles)
            lines.x["log"] = True
            for row in rows:
                if row.contender != "null":
                    lines.point(row.contender, getattr(row, field), *_rate(row),
                                not self.is_usual(row))
            blocks.append(Block(names.title(case), case, "", lines.plot(380), _row_table(rows)))
        return Section(case, title, [intro], blocks) if blocks else None

    def payloads(self, title):
        return self._sweep(title, "sweep_payload", "payload", "bytes an event",
                           "Events a second through one producer and one consumer, by their size.")

    def slots(self, title):
        return self._sweep(title, "sweep_slots", "capacity", "slots",
                           "Events of 8 bytes through rings that fit into a cache, or do not.")

    def blocks(self, title):
        by_shape = defaultdict(list)
        for row in self.valid:
            if row.case.startswith("counter_block") or row.case == "block_gap":
                by_shape[_shape(row, "capacity")].append(row)
        blocks = []
        for shape, rows in sorted(by_shape.items(), key=lambda item: _by_case(item[0])):
            if len({row.capacity for row in rows}) < 2:
                continue
            said = figures.params(rows[0], ("capacity", "placement")) + "."
            cost = Lines(_name("cost", *shape), "numbers a block", "time a number", "ns",
                         self.styles)
            gap = Lines(_name("gap", *shape), "numbers a block", "numbers", "", self.styles)
            for row in rows:
                if row.contender != "null":
                    cost.point(row.contender, row.capacity, row.median, row.p10, row.p90,
                               not self.is_usual(row))
                if row.gap and self.is_usual(row):
                    gap.point(row.contender, row.capacity, row.gap, row.gap, row.gap)
            cost.x["log"] = gap.x["log"] = True
            blocks.append(Block("Time a number", shape[0], said, cost.plot(), _row_table(rows)))
            if gap.series:
                lost = [row for row in rows if row.gap is not None]
                table = Table(["contender", "numbers a block", "threads", "gap"],
                              [[row.contender, figures.count(row.capacity),
                                figures.count(row.threads), figures.count(row.gap)]
                               for row in lost])
                blocks.append(Block("Most numbers that nobody gets", shape[0], said, gap.plot(),
                                    table))
        return Section("blocks", title, [
            "The larger a block, the less a number costs, and the more numbers nobody gets when "
            "everything stops at the worst moment. Less is better in both."],
            blocks) if blocks else None

    def _bars(self, prefix, wanted):
        """A plot of bars for each case and number of threads, all on one scale."""
        by_shape = defaultdict(list)
        for row in self.valid:
            if wanted(row.case) and row.contender != "null" and self.is_usual(row):
                by_shape[_shape(row)].append(row)
        every = [row.median for rows in by_shape.values() for row in rows if row.median > 0]
        if not every:
            return []
        axis = (min(every), max(every))
        blocks = []
        for shape, rows in sorted(by_shape.items(), key=lambda item: _by_case(item[0])):
            rows.sort(key=lambda row: row.median)
            labelled = [(row.contender, row.median, row.p10, row.p90, self._kind(row.contender))
                        for row in rows]
            blocks.append(Block(names.title(shape[0]), shape[0],
                                figures.params(rows[0], ("placement",)) + ".",
                                bars(_name(prefix, *shape), prefix, labelled, "ns", axis),
                                _row_table(rows)))
        return blocks

    def _kind(self, contender):
        if is_ours(contender):
            return "ours"
        return "floor" if self.reasons.is_floor(contender) else "peer3"

    def durable(self, title):
        blocks = self._bars("durable", lambda case: _group_of(case)[0] == "Durable numbers")
        return Section("durable", title, [
            "Time for one number that survives a restart, on a logarithmic scale: every grid line "
            "is a factor. The thin line is p10 to p90; ours are blue, grey is what the storage "
            "takes by itself, without any numbers."], blocks) if blocks else None

    def restarting(self, title):
        blocks = self._bars("recovery", lambda case: _group_of(case)[0] == "Restarting")
        return Section("restarting", title, [
            "From opening the file after a SIGKILL until the first number, in a process that just "
            "started, by how many sequences the file has."], blocks) if blocks else None

    def memory(self, title):
        sizes = [each for run in self.runs for each in run.sizes]
        if not sizes:
            return None
        labelled = [(what, size, size, size, "ours") for what, size in sizes]
        plot = bars(_name("memory"), "memory", labelled, "B")
        table = Table(["what", "bytes"], [[what, figures.count(size)] for what, size in sizes])
        return Section("memory", title, ["What the library takes, in bytes."],
                       [Block("", "", "", plot, table)])

    def losses(self, title):
        lost = [each for each in self.ratios if each.verdict == "slower"]
        rivals = [each for each in lost if self.is_rival(each)]
        floors = [each for each in lost if self.reasons.is_floor(each.peer)]
        own = [each for each in lost if is_ours(each.peer) and each not in floors]
        blocks = []
        for words, note, found in (
                ("To peers", "", rivals),
                ("To floors", "A floor is not a rival: it is what the machine takes for less than "
                 "the same job. How far we are above it is the point.", floors),
                ("Between our own", "What one of our variants costs beside another.", own)):
            if found:
                blocks.append(Block(words, "", note, None, self._losses_table(found), True))
        if not blocks:
            return Section("losses", title, ["No interval of a ratio of ours lies below 1."], [])
        return Section("losses", title, [
            "Every ratio of ours whose whole 95 % interval lies below 1, the worst of each case "
            "first, and why, where that is known."], blocks)

    def _losses_table(self, found):
        ordered = sorted(found, key=lambda x: (_by_case(_shape(x)), not self.is_usual(x), x.median))
        rows = [[x.case, _duel(x), figures.interval(x) + _few(x), _briefly(x),
                 self.reasons.why(x)] for x in ordered]
        return Table(["case", "ours to peer", "times as fast", "where", "why"], rows, 5)

    def targets(self, title):
        judged = [each for run in self.runs for each in run.targets]
        if not judged:
            return None
        rows = [[what, target, figure, "met" if met else "short"]
                for what, target, figure, met in judged]
        marks = {i: "loss" for i, each in enumerate(judged) if not each[3]}
        return Section("targets", title, ["What we wanted, and what was measured here."],
                       [Block("", "", "", None, Table(["what", "wanted", "here", ""], rows, 4,
                                                      marks), True)])

    def host(self, title):
        facts = []
        for run in self.runs:
            for name in run.host:
                if name not in facts:
                    facts.append(name)
        rows = [[name.replace("_", " "), *(_fact(run.host.get(name)) for run in self.runs)]
                for name in facts]
        head = ["", *(_short_path(run.path) for run in self.runs)]
        return Section("host", title, [
            "What the program found out about the machine before it measured."],
            [Block("", "", "", None, Table(head, rows, 1 + len(self.runs)), True)])

    def doctor(self, title):
        blocks = []
        for run in self.runs:
            rows = [[each.topic, each.verdict, each.found, each.advice] for each in run.findings]
            marks = {i: {"hurts": "loss", "unknown": "void"}[each.verdict]
                     for i, each in enumerate(run.findings)
                     if each.verdict in ("hurts", "unknown")}
            if rows:
                blocks.append(Block(self._of_run(run), "", "", None, Table(
                    ["what", "", "found", "what to do"], rows, 4, marks, stacked=True), True))
        return Section("doctor", title, [
            "What keeps threads that wait for microseconds from being on time: good as it is, to "
            "be minded, or it hurts latency and can be changed; unknown is what this host does "
            "not say. The command sequencer doctor says the same of any host."],
            blocks) if blocks else None

    def lines(self, title):
        blocks = []
        for run in self.runs:
            if run.lines and len(run.lines.cpus) > 1:
                blocks.append(Block(self._of_run(run), "", "", None, _heat_map(run.lines), True))
        return Section("lines", title, [
            "How long a cache line takes from one core to another, one way, in nanoseconds, "
            "before anything was measured: two bound threads pass it to and fro. The deeper the "
            "colour, the longer. CPUs have the system's numbers, one of each core."],
            blocks) if blocks else None

    def _of_run(self, run):
        return _short_path(run.path) if len(self.runs) > 1 else ""

    def everything(self, title):
        blocks = []
        if self.rows:
            blocks.append(Block("Rows", "", "What each contender did.", None,
                                _row_table(self.rows)))
        if self.ratios or self.others:
            blocks.append(Block("Ratios", "", "Ours to each peer, in the same rounds.", None,
                                _ratio_table(self.ratios + self.others)))
        said = [each for run in self.runs for each in run.remarks if "not measured" not in each]
        if said:
            blocks.append(Block("Remarks", "", "", None, Table(["what"], [[x] for x in said])))
        return Section("everything", title, [] if blocks else ["There is no row."], blocks)

    def not_measured(self, title):
        said = [f"{each}: this run has no rows for it." for each in self.absent]
        said += [each for run in self.runs for each in run.remarks if "not measured" in each]
        said += [f"{row.case}, {row.contender} ({figures.params(row)}): void"
                 + (f": {row.why}" if row.why else "") + "."
                 for row in self.rows if not row.valid]
        if not said:
            return Section("absent", title, ["Everything that there is was measured."], [])
        return Section("absent", title, [], [Block("", "", "", None, Table(
            ["what"], [[each] for each in said], 1), True)])


# ---- helpers


def _rank(place):
    return list(PLACES).index(place) if place in PLACES else len(PLACES)


def _place(of):
    return PLACES.get(of.placement, of.placement)


def _without(of, *names_left_out):
    return tuple(each for each in of.params if each[0] not in names_left_out)


def _shape(of, *also):
    return (of.case, _without(of, "placement", *also))


def _group_of(case):
    wanted = names.group(case)
    return next(each for each in names.GROUPS if each[0] == wanted)


def _by_case(shape):
    """The order of cases: by group, then by name with numbers as numbers."""
    numbers = [float(x) for x in re.findall(r"\d+(?:\.\d+)?", shape[0])]
    params = [(name, value if isinstance(value, (int, float)) else 0, str(value))
              for name, value in shape[1]]
    return (names.GROUPS.index(_group_of(shape[0])), names.rank(shape[0]), numbers, shape[0],
            params)


def _duel(ratio):
    return f"{ratio.ours} to {ratio.peer}"


def _briefly(ratio):
    return figures.params(ratio, _plain(ratio))


def _plain(of):
    """Parameters that the name of the case says, or that nobody asks for."""
    plain = ["payload", "batch"] if of.case != "sweep_payload" else ["batch"]
    if of.case == "sweep_batch":
        plain.remove("batch")
    if of.case.startswith(("unicast_", "sequencer_", "multicast_", "pipeline", "diamond", "wake",
                           "ping_pong", "one_way", "parking", "sweep_batch", "sweep_payload")):
        plain.append("capacity")
    return plain


def _named(of):
    """The case, with the parameters that tell it from others of its name."""
    more = figures.params(of, (*_plain(of), "threads", "placement"))
    return of.case + (f" ({more})" if more else "")


def _few(ratio):
    if not ratio.few:
        return ""
    return f", {ratio.rounds} round" + ("" if ratio.rounds == 1 else "s")


def _where(ratio):
    words = names.title(ratio.case)
    if ratio.case.startswith("counter_") or ratio.case.startswith("durable_"):
        words += f", {ratio.threads} thread" + ("" if ratio.threads == 1 else "s")
    if ratio.case.startswith("recovery"):
        words += f", {figures.count(ratio.capacity)}"
    return words


def _name(*parts):
    """An identifier for a canvas: letters, digits and dashes."""
    text = "-".join(str(each) for each in parts)
    return "p-" + "".join(x if x.isascii() and x.isalnum() else f"_{ord(x):x}" for x in text)


def _nines(percentile):
    return -math.log10(1 - percentile / 100)


def _rate(row):
    """Items a second, from nanoseconds an item."""
    return tuple(1e9 / x if x > 0 else 0 for x in (row.median, row.p90, row.p10))


def _fact(value):
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _short_path(path):
    return path.rsplit("/", 1)[-1]


def _heat_map(lines):
    """Colours by factors: the least is pale, what takes four times as long, or the most where that
    is more, is full."""
    pairs = {(i, j): ns for i, row in enumerate(lines.ns) for j, ns in enumerate(row) if i != j}
    least = max(1e-3, min(pairs.values()))
    decades = math.log(max(4, max(pairs.values()) / least))
    heat = {(i, j + 1): round(HEATS * max(0, math.log(max(ns, least) / least)) / decades)
            for (i, j), ns in pairs.items()}
    many = len(lines.cpus) > 16  # then digits behind the point only take room
    rows = [[f"CPU {cpu}", *("-" if i == j else f"{ns:.0f}" if many else figures.short(ns)
                             for j, ns in enumerate(row))]
            for i, (cpu, row) in enumerate(zip(lines.cpus, lines.ns))]
    return Table(["", *(str(cpu) for cpu in lines.cpus)], rows, 1, heat=heat)


def _row_table(rows):
    head = ["case", "contender", "threads", "place", "p10", "median", "p90", "unit", "rounds",
            "discarded", ""]
    lines, marks = [], {}
    for i, row in enumerate(rows):
        if row.valid:
            written = [figures.short(x) for x in (row.p10, row.median, row.p90)]
            remark = "wide" if row.p90 > 1.5 * row.p10 else ""
            if row.disturbed:
                remark = f"{remark} {row.disturbed} disturbed".strip()
        else:
            written, remark = ["void"] * 3, "void" + (f": {row.why}" if row.why else "")
            marks[i] = "void"
        lines.append([_named(row), row.contender, figures.count(row.threads), row.placement,
                      *written, row.unit, figures.count(row.rounds), figures.count(row.discarded),
                      remark])
    return Table(head, lines, 4, marks)


def _ratio_table(ratios):
    head = ["case", "ours to peer", "threads", "place", "median", "low", "high", "wins", "rounds"]
    lines = [[_named(x), _duel(x), figures.count(x.threads), x.placement, figures.times(x.median),
              figures.times(x.low), figures.times(x.high), figures.count(x.wins),
              figures.count(x.rounds) if x.rounds else "?"] for x in ratios]
    marks = {i: "loss" for i, x in enumerate(ratios) if x.verdict == "slower"}
    return Table(head, lines, 4, marks)
