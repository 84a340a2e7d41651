"""The order of a graph's links, and the problems of how its nodes are connected. No Keras here."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from visionfw.errors import nearest
from visionfw.graph.language.ir import Link, Node


def node_key(node: Node) -> tuple:
    """Order nodes: numbers by value, then names by alphabet."""
    return (0, node, "") if isinstance(node, int) else (1, 0, node)


def sort_links(links: Sequence[Link], inputs: Sequence[Node]) -> tuple[Link, ...]:
    """Return the links in graph order: sources before uses, and among the ready ones the lowest target first.

    The order depends on the graph alone, never on the order of the dictionary. Links on a cycle, or behind a node that nothing
    produces, are left out (`find_problems` names them).
    """
    waiting = {id(link): len(set(link.sources) - set(inputs)) for link in links}
    uses: dict[Node, list[Link]] = {}
    for link in links:
        for source in set(link.sources) - set(inputs):
            uses.setdefault(source, []).append(link)
    ready = [(node_key(link.target), number, link) for number, link in enumerate(links) if waiting[id(link)] == 0]
    heapq.heapify(ready)
    ordered, number = [], len(links)
    while ready:
        link = heapq.heappop(ready)[2]
        ordered.append(link)
        for user in (user for node in link.produced for user in uses.pop(node, [])):
            waiting[id(user)] -= 1
            if waiting[id(user)] == 0:
                number += 1
                heapq.heappush(ready, (node_key(user.target), number, user))
    return tuple(ordered)


def unconsumed(links: Sequence[Link]) -> list[Node]:
    """Return the nodes that a link produces and nothing reads, in node order."""
    read = {source for link in links for source in link.sources}
    return sorted({node for link in links for node in link.produced} - read, key=node_key)


def find_problems(links: Sequence[Link], inputs: Sequence[Node], outputs: Sequence[Node]) -> list[str]:
    """Return the problems of the nodes: no producer or two, never consumed, a cycle, a number and a name with the same text."""
    producers: dict[Node, list[Link]] = {}
    for link in links:
        for node in link.produced:
            producers.setdefault(node, []).append(link)
    problems = _same_text({*producers, *inputs, *(source for link in links for source in link.sources)})
    problems += _wrong_producers(producers, inputs)
    problems += _without_producer(links, producers, inputs)
    problems += [f"outputs: node {node!r} is not produced by any link" for node in outputs if node not in producers and node not in inputs]
    problems += _never_consumed(links, producers, inputs, outputs)
    problems += _cycles(links, inputs)
    return problems or _no_output(links, outputs)


def _same_text(nodes: set[Node]) -> list[str]:
    numbers = {str(node) for node in nodes if isinstance(node, int)}
    return [f"node {node} and node {node!r} are two nodes; use one spelling" for node in sorted(n for n in nodes if isinstance(n, str) and n in numbers)]


def _wrong_producers(producers: dict[Node, list[Link]], inputs: Sequence[Node]) -> list[str]:
    problems = []
    for node, producing in producers.items():
        addresses = " and ".join(link.address for link in producing)
        if node in inputs:
            problems.append(f"node {node!r} is an input, but {addresses} makes it; give the link another target")
        elif len(producing) > 1:
            problems.append(f"node {node!r} has {len(producing)} producers: {addresses}; a node has one")
    return problems


def _without_producer(links: Sequence[Link], producers: dict[Node, list[Link]], inputs: Sequence[Node]) -> list[str]:
    problems = []
    known = [*producers, *inputs]
    missing = {source: link for link in reversed(links) for source in link.sources if source not in producers and source not in inputs}
    for node, link in sorted(missing.items(), key=lambda item: node_key(item[0])):
        near = nearest(node, [other for other in known if isinstance(other, str)]) if isinstance(node, str) else None
        hint = f"; did you mean {near!r}?" if near else ""
        problems.append(f"{link.address}: no link makes node {node!r}{hint}")
    return problems


def _never_consumed(links: Sequence[Link], producers: dict[Node, list[Link]], inputs: Sequence[Node], outputs: Sequence[Node]) -> list[str]:
    read = {source for link in links for source in link.sources}
    problems = [f"input node {node!r} is never consumed" for node in inputs if node not in read and node not in outputs]
    loose = [node for node in unconsumed(links) if node not in outputs]
    if outputs:
        problems += [f"{producers[node][0].address}: node {node!r} is never consumed and is no output{_unused_hint(producers[node][0])}" for node in loose]
    elif len(loose) > 1:
        listed = ", ".join(repr(node) for node in loose)
        problems.append(f"nodes {listed} are never consumed, so the output is not clear; name it with 'outputs'")
    return problems


def _unused_hint(link: Link) -> str:
    return "; None in its place says that this output is not used" if len(link.targets) > 1 else ""


def _no_output(links: Sequence[Link], outputs: Sequence[Node]) -> list[str]:
    return [] if outputs or unconsumed(links) else ["every node is consumed, so none is the output; name it with 'outputs'"]


def _cycles(links: Sequence[Link], inputs: Sequence[Node]) -> list[str]:
    sorted_links = {id(link) for link in sort_links(links, inputs)}
    stuck = {node: link for link in links if id(link) not in sorted_links for node in link.produced}
    if not stuck:
        return []
    node, seen = next(iter(stuck)), list[Node]()
    while node not in seen:
        seen.append(node)
        before = [source for source in stuck[node].sources if source in stuck]
        if not before:
            return []
        node = before[0]
    loop = [*seen[seen.index(node) :], node]
    path = " -> ".join(str(step) for step in reversed(loop))
    addresses = ", ".join(stuck[step].address for step in reversed(loop[:-1]))
    return [f"the links form a cycle {path}: {addresses}"]
