"""The same random model in every spelling has one canonical form."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st
from model_spellings import in_chains, in_groups, in_rows, mixed, models, with_chain_names

from visionfw.graph.language.parser import canonicalize


@given(models())
def test_groups_and_rows_have_one_canonical_form(rows):
    assert canonicalize(in_rows(rows)) == canonicalize(in_groups(rows))


@given(models())
def test_chains_have_the_canonical_form_of_their_rows(rows):
    assert canonicalize(in_chains(rows)) == canonicalize(in_rows(with_chain_names(rows)))


@given(models(), st.data())
def test_all_spellings_mixed_have_one_canonical_form(rows, data):
    choices = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    assert canonicalize(mixed(rows, choices)) == canonicalize(in_rows(rows))


@given(models(), st.sampled_from([in_groups, in_rows, in_chains]))
def test_the_canonical_form_is_its_own_and_every_spelling_survives_json(rows, spelling):
    d = spelling(rows)
    canonical = canonicalize(d)
    assert canonicalize(canonical) == canonical
    assert canonicalize(json.loads(json.dumps(d))) == canonical
    assert math.prod(len(link) for link in canonical["links"]) == 5 ** len(rows)


@given(models(), st.randoms())
def test_the_order_of_rows_has_no_meaning(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert canonicalize(in_rows(shuffled)) == canonicalize(in_rows(rows))
