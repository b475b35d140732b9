# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
"""What cases are called in a report, how they are grouped, and what their names carry."""

import re

# A case that nothing here knows is shown under "Other cases" by its own name.
GROUPS = (
    ("Numbers from memory", r"counter_(?!durable).*|block_gap|block_tiers|partition.*"),
    ("Durable numbers", r"counter_durable.*|durable_(?!restart).*"),
    ("Restarting", r"recovery.*|durable_restart.*"),
    ("One producer, one consumer", r"unicast_.*|sweep_.*|placements"),
    ("Several producers", r"sequencer_\d+p.*|many_to_many_.*|work_sharing_.*"),
    ("Several consumers", r"multicast_.*"),
    ("Stages", r"pipeline.*|diamond.*"),
    ("Round trips and waking", r"ping_pong.*|wake.*|parking.*"),
    ("One way, at a rate", r"one_way.*"),
    ("Logical clocks", r"clock_.*"),
    ("Other cases", r".*"),
)

TITLES = (
    (r"counter_strict", "Strict numbers"),
    (r"counter_durable", "Durable numbers, ahead"),
    (r"counter_block", "Numbers from blocks"),
    (r"counter_percpu", "Numbers from a block for each CPU"),
    (r"block_gap", "Blocks of several sizes"),
    (r"block_tiers", "Blocks by way of node and domain"),
    (r"durable_each", "A sync for every number"),
    (r"durable_systems", "One number, beside other systems"),
    (r"recovery", "From open after SIGKILL to the first number"),
    (r"durable_restart", "From a kill to the next number"),
    (r"unicast_1p1c", "One event at a time"),
    (r"unicast_1p1c_batch_(\d+)", r"Batches of \1"),
    (r"unicast_1p1c_many", "The type for many, one producer"),
    (r"unicast_1p1c_(\d+)", r"Events of \1 bytes"),
    (r"unicast_1p1c_(\d+)_batch_(\d+)", r"Events of \1 bytes, batches of \2"),
    (r"sweep_batch", "Batches of several sizes"),
    (r"sweep_payload", "Events of several sizes"),
    (r"sweep_slots", "Rings of several sizes"),
    (r"sequencer_(\d+)p1c", r"\1 producers, 1 consumer"),
    (r"many_to_many_(\d+)p(\d+)c", r"\1 producers, \2 consumers"),
    (r"work_sharing_1p(\d+)w", r"1 producer, work shared by \1"),
    (r"placements", "One event at a time, by pair of CPUs"),
    (r"multicast_1p(\d+)c", r"1 producer, \1 consumers"),
    (r"pipeline_(\d+)", r"\1 stages in a row"),
    (r"diamond_1p3c", "A diamond of stages"),
    (r"ping_pong", "Round trip, mean"),
    (r"ping_pong_p(.*)", r"Round trip, percentile \1"),
    (r"wake", "Waking a parked consumer"),
    (r"parking_publish", "Publishing to a consumer that may park"),
    (r"one_way_(\d+)m", r"\1 million events a second"),
    (r"partitions", "A partition for each thread"),
    (r"partitioner", "The partition of a key"),
    (r"one_way_(\d+)k", r"\1 thousand events a second"),
    (r"clock_lamport_tick", "A Lamport clock's event"),
    (r"clock_lamport_observe", "A Lamport clock's received message"),
    (r"clock_hybrid_tick", "A hybrid clock's event"),
    (r"clock_vector_compare", "Vector clocks of 16 members, compared"),
    (r"clock_vector_merge", "Vector clocks of 16 members, merged"),
)

PERCENTILE = re.compile(r"(.+)_p(\d+(?:\.\d+)?)")
BATCH = re.compile(r"(.+)_batch_(\d+)")
LOAD = re.compile(r"(.+?)_(\d+(?:\.\d+)?)(k|m|pct)")


def title(case):
    for pattern, words in TITLES:
        found = re.fullmatch(pattern, case)
        if found:
            return found.expand(words)
    return case


def rank(case):
    """Where its title stands above; unknown cases come last."""
    return next((i for i, (pattern, _) in enumerate(TITLES) if re.fullmatch(pattern, case)),
                len(TITLES))


def group(case):
    return next(name for name, pattern in GROUPS if re.fullmatch(pattern, case))


def is_sweep(case):
    """Measured for a curve, not as a case of its own."""
    return case.startswith("sweep_") or case == "block_gap"


def percentile(case):
    """one_way_1m_p99.9: (one_way_1m, 99.9)."""
    found = PERCENTILE.fullmatch(case)
    return (found[1], float(found[2])) if found and float(found[2]) < 100 else None


def batch_family(case):
    found = BATCH.fullmatch(case)
    return found[1] if found else case


def load(case, params):
    """The family, the load and its unit, from a parameter where there is one, else the name."""
    named = dict(params)
    for name, unit in (("rate", "events/s"), ("load", "% of capacity")):
        if isinstance(named.get(name), (int, float)):
            found = LOAD.fullmatch(case)
            return (found[1] if found else case), float(named[name]), unit
    found = LOAD.fullmatch(case)
    if found is None:
        return None
    if found[3] == "pct":
        return found[1], float(found[2]), "% of capacity"
    return found[1], float(found[2]) * {"k": 1e3, "m": 1e6}[found[3]], "events/s"
