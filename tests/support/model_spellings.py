"""Random models in every spelling of the dictionary language."""

from hypothesis import strategies as st

from visionfw.layers.facts import layer_group

#: Layer -> parameters that it may be given.
LAYERS = {"Conv2D": "filters", "ReLU": "max_value", "BatchNormalization": "epsilon", "PixelShuffle": "size", "tanh": None}
GROUPS = {**{layer: layer_group(layer) for layer in [*LAYERS, "Add", "Concatenate"]}, "body": "block", "pair": "block"}
BLOCKS = {"body": {"conv": [(0, 1)]}, "pair": {"inputs": [0, 1], "merge": [(0, 1, 2)]}}


@st.composite
def models(draw):
    """Draw rows (sources, layer, target, parameters); each reads earlier nodes, and everything loose is merged at the end."""
    count = draw(st.integers(1, 10))
    targets = [node if draw(st.booleans()) else f"n{node}" for node in draw(st.permutations(range(1, count + 1)))]
    nodes, rows = [0], []
    for target in targets:
        recent = st.sampled_from([nodes[-1], *nodes])
        sources = tuple(draw(st.lists(recent, min_size=1, max_size=2, unique=True)))
        layer = draw(st.sampled_from([*LAYERS, "body"] if len(sources) == 1 else ["Add", "Concatenate", "pair"]))
        parameters = draw(st.dictionaries(st.sampled_from(["repeat", LAYERS.get(layer) or "repeat"]), st.integers(1, 9)))
        rows.append((sources, layer, target, parameters))
        nodes.append(target)
    loose = [node for node in nodes if node not in {source for row in rows for source in row[0]}]
    return [*rows, (tuple(loose), "Add", "end", {})] if len(loose) > 1 else rows


def in_groups(rows):
    """Write every link in its group's parallel lists."""
    d = {"name": "x", "blocks": BLOCKS}
    for sources, layer, target, parameters in rows:
        for part, value in (("", (*sources, target)), ("_sub", layer), ("_par", parameters or None)):
            d.setdefault(GROUPS[layer] + part, []).append(value)
    return d


def row_of(sources, layer, target, parameters):
    return (sources if len(sources) > 1 else sources[0], layer, target, *([parameters] if parameters else []))


def in_rows(rows):
    """Write every link as a row."""
    return {"name": "x", "blocks": BLOCKS, "links": [row_of(*row) for row in rows]}


def chain_ends(rows):
    """Return, for each row, the row at the end of its chain and its distance: a row is joined to the only one that reads it alone."""
    readers = {}
    for index, (sources, *_) in enumerate(rows):
        for source in sources:
            readers.setdefault(source, []).append(index)
    ends = {}
    for index in reversed(range(len(rows))):
        users = readers.get(rows[index][2], [])
        joins = len(users) == 1 and rows[users[0]][0] == (rows[index][2],)
        end, distance = ends[users[0]] if joins else (index, -1)
        ends[index] = (end, distance + 1)
    return ends


def with_chain_names(rows):
    """Return the rows with the names that the nodes inside chains have."""
    ends = chain_ends(rows)
    length = {end: 1 + max(distance for other, distance in ends.values() if other == end) for end, _ in ends.values()}
    names = {0: 0}
    for index, (_, _, target, _) in enumerate(rows):
        end, distance = ends[index]
        names[target] = f"{rows[end][2]}_{length[end] - distance}" if distance else target
    return [(tuple(names[source] for source in sources), layer, names[target], parameters) for sources, layer, target, parameters in rows]


def in_chains(rows):
    """Write links in series as chains."""
    ends, entries = chain_ends(rows), {}
    for index, (sources, layer, _, parameters) in enumerate(rows):
        end = ends[index][0]
        entry = entries.setdefault(end, (sources if len(sources) > 1 else sources[0], [], rows[end][2]))
        entry[1].append((layer, parameters) if parameters else layer)
    return {"name": "x", "blocks": BLOCKS, "links": list(entries.values())}


def mixed(rows, choices):
    """Write each link in a spelling of its own."""
    d = in_groups([row for row, choice in zip(rows, choices, strict=True) if choice == 0])
    rows_here = [row_of(*row) for row, choice in zip(rows, choices, strict=True) if choice == 1]
    chains = [(row[0], [[row[1], row[3]]], row[2]) for row, choice in zip(rows, choices, strict=True) if choice == 2]
    canonical = [[GROUPS[row[1]], list(row[0]), row[2], row[1], row[3]] for row, choice in zip(rows, choices, strict=True) if choice == 3]
    return d | {"links": [*rows_here, *chains, *canonical]}
