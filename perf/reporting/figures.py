# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""How figures are written."""


def short(value):
    """Three digits: 2.25, 109, 0.0145."""
    if value == 0:
        return "0"
    digits = max(0, 2 - int(f"{abs(value):e}".split("e")[1]))
    return f"{value:,.{digits}f}"


def span(ns):
    """2.25 ns, 109 us, 19.1 ms."""
    for least, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if abs(ns) >= least * 0.9995:
            return f"{short(ns / least)} {unit}"
    return f"{short(ns)} ns"


def times(value):
    return f"{short(value)}"


def interval(ratio):
    return f"{times(ratio.median)} [{times(ratio.low)}, {times(ratio.high)}]"


def count(value):
    return f"{value:,}" if isinstance(value, int) else str(value)


def _capacity(case, value):
    if case.startswith(("counter_", "block_")):
        return f"blocks of {count(value)}"
    if case.startswith(("recovery", "durable_")):
        return f"{count(value)} sequence" + ("" if value == 1 else "s")
    return f"{count(value)} slots"


def params(of, leave_out=()):
    """The parameters that say something, in words."""
    return params_in_words(of.case, of.params, leave_out)


def params_in_words(case, of, leave_out=()):
    said = []
    for name, value in of:
        if name in leave_out:
            continue
        if name == "payload":
            said.append(f"{count(value)} B")
        elif name == "batch" and value != 1:
            said.append(f"batches of {count(value)}")
        elif name == "threads":
            said.append(f"{count(value)} thread" + ("" if value == 1 else "s"))
        elif name == "placement":
            said.append(str(value))
        elif name not in ("batch", "capacity"):
            said.append(f"{name} {value}")
        elif name == "capacity" and value:
            said.append(_capacity(case, value))
    return ", ".join(said)


def bytes_of(value):
    return f"{value:,.0f} B"


def amount(value):
    """65536 as 65,536; 10000000 as 10 M."""
    if value >= 1e6 and value % 1e5 == 0:
        return f"{value / 1e6:g} M"
    return f"{value:,g}" if value < 1e6 else f"{value:,.0f}"
