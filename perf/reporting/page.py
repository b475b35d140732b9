# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""A report as one HTML file that needs nothing beside it."""

import base64
import hashlib
import html
import json
from pathlib import Path

from .results import Refused

HERE = Path(__file__).parent
CHART_PLACES = ("/usr/share/javascript/chart.js/chart.min.js",
                "/usr/share/nodejs/chart.js/dist/chart.min.js")
SYMBOLS = {"circle": "\u25cf", "triangle": "\u25b2", "rect": "\u25a0", "rectRot": "\u25c6",
           "cross": "\u271a", "crossRot": "\u2716", "star": "\u2731"}


def chart_library(path=None):
    """Chart.js 3 with its notice, as Debian's libjs-chart.js has it."""
    places = [path] if path else CHART_PLACES
    for place in places:
        try:
            text = Path(place).read_text(encoding="utf-8")
        except OSError:
            continue
        if "Chart.js v3." not in text[:400]:
            raise Refused(f"{place}: is not Chart.js 3: install Debian's libjs-chart.js, or name "
                          "a chart.min.js of version 3 with --chart FILE")
        return text.replace("</script", "<\\/script")
    raise Refused(f"Chart.js is not in {' or '.join(places)}: install Debian's libjs-chart.js "
                  "(apt-get install libjs-chart.js), or name a chart.min.js with --chart FILE")


def clean(text):
    """Neither control characters nor such as turn the direction of writing."""
    turning = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return "".join("\ufffd" if (ord(x) < 32 or 127 <= ord(x) < 160 or x in turning
                                or 0xd800 <= ord(x) < 0xe000) else x for x in str(text))


def escape(text):
    return html.escape(clean(text), quote=True)


def _data(plots):
    """JSON that no browser takes for the end of its script element."""
    text = json.dumps(plots, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _cleaned(value):
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return value


def _cell(tag, text, words, heat=None):
    kind = "word" if words else ""
    if words and len(text) > 48:
        kind += " prose"
    if heat is not None:
        kind = f"heat{heat}"
    return f"<{tag} class=\"{kind}\">{escape(text)}</{tag}>" if kind else (
        f"<{tag}>{escape(text)}</{tag}>")


def _table(table):
    def line(cells, tag, row=None):
        mark = table.marks.get(row, "")
        opened = f"<tr class=\"{mark}\">" if mark else "<tr>"
        return opened + "".join(_cell(tag, text, i < table.text_columns, table.heat.get((row, i)))
                                for i, text in enumerate(cells)) + "</tr>"
    body = "\n".join(line(cells, "td", i) for i, cells in enumerate(table.rows))
    head = f"<thead>{line(table.head, 'th')}</thead>" if any(table.head) else ""
    kind = " class=\"stacked\"" if table.stacked else " class=\"map\"" if table.heat else ""
    return f"<div class=\"scroll\"><table{kind}>{head}<tbody>\n{body}\n</tbody></table></div>"


def _plot(plot, title):
    legend = ""
    if plot.legend:
        items = "".join(
            f"<li><span style=\"color:var(--{colour})\">{SYMBOLS[shape]}</span> "
            + (f"<b>{escape(name)}</b>" if ours else escape(name)) + "</li>"
            for name, colour, shape, ours in plot.legend)
        legend = f"<ul class=\"legend\">{items}</ul>"
    return (f"<div class=\"plot\" style=\"height:{plot.height}px\"><canvas id=\"{plot.name}\" "
            f"data-points=\"{plot.points}\" role=\"img\" aria-label=\"{escape(title)}; its "
            f"figures are in the table below\"></canvas></div>{legend}")


def _block(block):
    said = []
    if block.title:
        code = f" <code class=\"quiet\">{escape(block.code)}</code>" if block.code else ""
        said.append(f"<h4>{escape(block.title)}{code}</h4>")
    if block.note:
        said.append(f"<p class=\"quiet\">{escape(block.note)}</p>")
    if block.plot:
        said.append(_plot(block.plot, block.title))
    if block.table:
        table = _table(block.table)
        said.append(table if block.opened else
                    f"<details><summary>the figures</summary>{table}</details>")
    return "<div class=\"block\">" + "\n".join(said) + "</div>"


def _is_heading(block):
    return block.plot is None and block.table is None


def _section(section):
    said = [f"<section id=\"{section.name}\"><h2>{escape(section.title)}</h2>"]
    said += [f"<p>{escape(each)}</p>" for each in section.intro]
    group = []

    def close():
        if group:
            whole = " whole" if len(group) == 1 or all(x.opened for x in group) else ""
            said.append(f"<div class=\"blocks{whole}\">" + "\n".join(_block(x) for x in group)
                        + "</div>")
            group.clear()

    for block in section.blocks:
        if _is_heading(block):
            close()
            said.append(f"<h3>{escape(block.title)}</h3>")
        else:
            group.append(block)
    close()
    said.append("</section>")
    return "\n".join(said)


def _policy(scripts):
    """Nothing is fetched, and no script runs but these: not even one that a name smuggled in."""
    sums = " ".join("'sha256-" + base64.b64encode(
        hashlib.sha256(each.encode()).digest()).decode() + "'" for each in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src {sums}"


def write(report, title, subtitle, library):
    plots = {block.plot.name: {"kind": block.plot.kind, "height": block.plot.height,
                               "spec": _cleaned(block.plot.spec)}
             for section in report.sections for block in section.blocks if block.plot}
    script = (HERE / "page.js").read_text(encoding="utf-8")
    style = (HERE / "page.css").read_text(encoding="utf-8")
    tiles = "".join(f"<li class=\"{kind}\"><b>{escape(value)}</b>{escape(words)}</li>"
                    for kind, value, words in report.tiles())
    links = " ".join(f"<a href=\"#{each.name}\">{escape(each.title)}</a>"
                     for each in report.sections)
    sections = "\n".join(_section(each) for each in report.sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(_policy([library, script]))}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="quiet">{escape(subtitle)}</p>
<ul class="tiles">{tiles}</ul>
<nav>{links}</nav>
</header>
<noscript><p><b>The plots need JavaScript; every figure is in the tables.</b></p></noscript>
{sections}
<footer class="quiet">
<p>How this was measured is in perf/METHOD.md, what the JSON means in docs/perf-json.md. Plots by
Chart.js, (c) Chart.js Contributors, MIT License; its notice is in this file.</p>
</footer>
<script type="application/json" id="plots">{_data(plots)}</script>
<script>{library}</script>
<script>{script}</script>
</body>
</html>
"""
