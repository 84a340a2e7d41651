"""Tell which architectures a file's keys and shapes suit, and with which arguments. No Keras here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visionfw.errors import some
from visionfw.interchange.references import Reference, RuledOut
from visionfw.interchange.state import State
from visionfw.weights.files import WeightFile

#: Prefixes that trainers and compilers put before every key.
_PREFIXES = ("module.", "_orig_mod.", "netG.", "net_g.", "generator.", "model.", "net.")
_MAX_NEAREST = 8  # architectures that a refusal lists

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """An architecture whose keys a file has.

    Attributes:
        reference: the architecture.
        arguments: those of its function, solved from shapes.
        arrays: the file's, as the reference calls them.
    """

    reference: Reference
    arguments: Mapping[str, Any]
    arrays: Arrays = field(repr=False)

    @property
    def text(self) -> str:
        """The architecture with its arguments: "rrdbnet(scale=4, blocks=23)"."""
        return f"{self.reference.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def candidates(file: WeightFile, references: Sequence[Reference], reasons: dict[str, str]) -> list[Candidate]:
    """Return the architectures that a file may be; several where their keys are alike.

    Args:
        file: what `read_weights` returned.
        references: the architectures to try.
        reasons: is filled with architecture -> why it was ruled out.
    """
    found = []
    for reference in references:
        for arrays in (*spellings(file.arrays), *_named_by_order(file, reference)):
            try:
                arguments = reference.arguments_of(State({key: values.shape for key, values in arrays.items()}))
            except RuledOut as error:
                reasons.setdefault(reference.name, str(error))
                continue
            told = {name: value for name, value in file.told.items() if name in reference.assumed}
            found.append(Candidate(reference, {**arguments, **told}, arrays))
    return found


def _named_by_order(file: WeightFile, reference: Reference) -> Iterator[Arrays]:
    """Yield the arrays of a file without names under a reference's keys, by the order in which the network runs its layers."""
    prefixes = reference.in_order(len(file.order)) if reference.in_order is not None and file.order else None
    if prefixes is None:
        return
    theirs = dict(zip(file.order, prefixes, strict=True))
    yield {f"{theirs[prefix]}.{suffix}": values for key, values in file.arrays.items() for prefix, _, suffix in [key.rpartition(".")]}


def spellings(arrays: Arrays) -> Iterator[Arrays]:
    """Yield a file's arrays as they are, then without each prefix that all keys share; weight normalization is multiplied out."""
    arrays = _without_weight_normalization(arrays)
    prefix: str | None = ""
    while prefix is not None:
        arrays = {key.removeprefix(prefix): values for key, values in arrays.items()}
        yield arrays
        prefix = next((one for one in _PREFIXES if all(key.startswith(one) for key in arrays)), None)


def _without_weight_normalization(arrays: Arrays) -> dict[str, np.ndarray]:
    """Return a state_dict with the weight `w = g * v / |v|` in place of PyTorch's `weight_g` and `weight_v`."""
    plain = {}
    for key, values in arrays.items():
        if re.search(r"weight_g$|parametrizations\.weight\.original0$", key):
            continue
        direction = re.search(r"weight_v$|parametrizations\.weight\.original1$", key)
        length = arrays.get(re.sub(r"weight_v$", "weight_g", re.sub(r"original1$", "original0", key))) if direction else None
        if direction is None or length is None:
            plain[key] = values
            continue
        norms = np.sqrt(np.square(values.astype(np.float64)).sum(axis=tuple(range(1, values.ndim)), keepdims=True))
        plain[f"{key[: direction.start()]}weight"] = values / norms * length.reshape(norms.shape)
    return plain


# --- files of no architecture that is known ----------------------------------------------------------------------------


def refusal(file: WeightFile, references: Sequence[Reference], reasons: Mapping[str, str]) -> str:
    """Write why a file cannot be opened: the nearest architectures, and why each was ruled out."""
    likeness = {reference.name: _likeness(file, reference) for reference in references}
    nearest = sorted((name for name in reasons if likeness[name] > 0), key=lambda name: (-likeness[name], name))[:_MAX_NEAREST]
    lines = [f"weights {file.path}: no architecture of this package has these {len(file.arrays)} arrays ({some(list(file.arrays), 3)})"]
    lines += [f"  {name} ({likeness[name]:.0%} of the keys): {reasons[name]}" for name in nearest]
    if not nearest:
        lines += ["  no architecture has keys like these; write its dictionary and name it with --model (docs/weights.md)"]
    return "\n".join(lines)


def _likeness(file: WeightFile, reference: Reference) -> float:
    """Return the share of a file's keys that look like keys of an architecture with its default arguments, numbers aside."""
    keys = {re.sub(r"\d+", "*", key) for key in file.arrays}
    try:
        maps = reference.maps({})
    except Exception:  # a user's function may raise anything; this is only about the order of a list
        return 0.0
    prefixes = {re.sub(r"\d+|\{[^{}]*\}|\*", "*", value.partition(".reshape(")[0]) for names in maps for value in names.values()}
    prefixes = {prefix for prefix in prefixes if prefix.strip("*.")}
    return sum(any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes) for key in keys) / len(keys)
