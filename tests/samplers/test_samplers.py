"""The table of samplers, and what holds for every one of them."""

import inspect

import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.samplers import SAMPLERS, Sampler, create, score_of

COUNT = 300
TEXTS = [*SAMPLERS, "widening:by=headroom", "low_psnr_static:fraction=0.5,by=bicubic", "psnr_gain:score=psnr,start=bicubic,uniform=0.3"]


def statistic(name, count=COUNT):
    """Return plausible values of a patch statistic."""
    mean, deviation = {"bicubic_psnr": (28, 4), "bilinear_psnr": (27, 4), "headroom": (5, 3), "deviation": (20, 5)}[name]
    return np.random.default_rng(len(name)).normal(mean, deviation, count).astype(np.float32)


def new(text, seed=0, rounds=10):
    return create(SAMPLERS.parse(text), COUNT, seed=seed, rounds=rounds, measure=statistic)


@pytest.mark.parametrize("text", TEXTS)
def test_a_round_holds_no_patch_twice(text):
    ids = new(text).draw(20)
    assert ids.dtype == np.int64
    assert ids.shape == (20,)
    assert len(set(ids.tolist())) == 20
    assert 0 <= ids.min() <= ids.max() < COUNT


@pytest.mark.parametrize("text", TEXTS)
def test_probabilities_sum_to_one_and_priority_ranks_patches_in_their_order(text):
    sampler = new(text)
    assert sampler.probabilities().sum() == pytest.approx(1, abs=1e-5)
    assert sampler.priority().shape == (COUNT,)
    by_priority = sampler.probabilities()[np.argsort(-sampler.priority(), kind="stable")]
    assert (np.diff(by_priority) <= 0).all()


@pytest.mark.parametrize("text", TEXTS)
def test_a_restored_sampler_continues_exactly(text):
    def train(sampler, rounds):
        drawn = []
        for _ in range(rounds):
            drawn.append(sampler.draw(30))
            sampler.update(drawn[-1], np.cos(drawn[-1]))
        return drawn

    sampler = new(text, seed=4)
    train(sampler, 6)
    other = new(text, seed=9)
    other.restore(sampler.state())
    np.testing.assert_array_equal(train(other, 3), train(sampler, 3))


@pytest.mark.parametrize("text", TEXTS)
def test_equal_seeds_draw_equal_patches(text):
    np.testing.assert_array_equal(new(text, seed=3).draw(40), new(text, seed=3).draw(40))
    assert (new(text, seed=3).draw(40) != new(text, seed=4).draw(40)).any()


@pytest.mark.parametrize("text", TEXTS)
def test_the_state_of_another_number_of_patches_is_refused(text):
    state = new(text).state() | {"n": 5}
    with pytest.raises(RequestError, match="state belongs to 5 patches, but there are 300"):
        new(text).restore(state)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("scores", "sentence"),
    [([1.0], r"needs one score, but there are \(2,\) patches and \(1,\) scores"), ([1.0, float("nan")], "a score is not finite")],
)
def test_scores_that_do_not_fit_are_refused(text, scores, sentence):
    with pytest.raises(RequestError, match=sentence):
        new(text).update(np.array([1, 2]), scores)


@pytest.mark.parametrize("text", TEXTS)
def test_a_negative_number_of_draws_is_refused(text):
    with pytest.raises(RequestError, match="the number of draws must be at least 0, not -1"):
        new(text).draw(-1)


@pytest.mark.parametrize("text", TEXTS)
def test_an_instance_learns_from_the_score_that_the_table_promises(text):
    score = score_of(SAMPLERS.parse(text))
    assert new(text).score == (None if score is None else score.name)


@pytest.mark.parametrize("name", SAMPLERS)
def test_defaults_are_valid_and_those_of_the_class_are_the_same(name):
    entry = SAMPLERS.get(name)
    parameters = inspect.signature(entry.load()).parameters
    for key, option in entry.options.items():
        assert option.parse(str(option.default)) == option.default
        assert parameters[key].default in (option.default, inspect.Parameter.empty)


def test_options_that_are_not_given_have_defaults():
    spec = SAMPLERS.parse("psnr_gain:score=psnr, uniform=0.25")
    assert spec.options == {"score": "psnr", "start": "uniform", "uniform": 0.25, "bins": 50}
    assert SAMPLERS.parse("uniform").options == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("psnr_gian", "--sampler: no sampler 'psnr_gian'; did you mean 'psnr_gain'?"),
        ("psnr_gain:scor=psnr", "--sampler: psnr_gain: no option 'scor'; did you mean 'score'?"),
        ("psnr_gain:score=psnr,score=loss", "--sampler: psnr_gain: score is given twice"),
        ("psnr_gain:score=mse", "psnr_gain: score must be one of gain, psnr, loss, not 'mse'"),
        ("psnr_gain:uniform=2", "psnr_gain: uniform must be a number from 0 to 1, not '2'"),
        ("psnr_gain:bins=0", "psnr_gain: bins must be a whole number of at least 1, not '0'"),
        ("low_psnr_static:fraction=0", "low_psnr_static: fraction must be a number above 0 and at most 1, not '0'"),
        ("flatness:min_deviation=nan", "flatness: min_deviation must be a number of at least 0, not 'nan'"),
        ("uniform:fraction=1", "--sampler: uniform takes no options, but 'fraction=1' is given"),
    ],
)
def test_a_wrong_text_is_refused(text, sentence):
    with pytest.raises(RequestError) as error:
        SAMPLERS.parse(text)
    assert sentence in str(error.value)


def test_classes_are_attributes_of_the_package():
    assert vf.samplers.PSNRGain(10).draw(3).shape == (3,)
    assert issubclass(vf.samplers.Headroom, vf.samplers.Sampler)
    with pytest.raises(AttributeError, match="has no attribute 'PsnrGain'"):
        _ = vf.samplers.PsnrGain


class Nth(Sampler):
    """Every second patch, in order."""

    def __init__(self, n, seed=0, *, offset=0, rounds, measure):
        super().__init__(n, seed)
        self.offset, self.rounds, self.values = offset, rounds, measure("deviation")

    def draw(self, k):
        return (self.offset + 2 * np.arange(k)) % self.n

    def probabilities(self):
        return np.full(self.n, 1 / self.n)


@pytest.fixture
def register():
    """Register samplers for the length of a test."""
    names = []

    def add(sampler, **facts):
        vf.register_sampler(sampler, **facts)
        names.append(facts.get("name", sampler.__name__))

    yield add
    for name in names:
        with SAMPLERS.temporary(SAMPLERS.get(name)):  # removes it at its end
            pass


def test_a_registered_sampler_is_named_with_its_options_and_gets_the_runs_facts(register):
    register(Nth, name="nth", round_patches=64)
    sampler = create(SAMPLERS.parse("nth:offset=3"), COUNT, seed=0, rounds=7, measure=statistic)
    assert sampler.draw(3).tolist() == [3, 5, 7]
    assert sampler.rounds == 7
    np.testing.assert_array_equal(sampler.values, statistic("deviation"))
    entry = SAMPLERS.get("nth")
    assert (entry.help, entry.round_patches, entry.is_uniform) == ("Every second patch, in order.", 64, False)
    assert score_of(SAMPLERS.parse("nth")) is None


def test_a_registered_sampler_may_have_its_score_as_an_option(register):
    register(type("Learning", (Nth,), {"score": "gain", "__init__": lambda self, n, seed=0, *, score="psnr": Sampler.__init__(self, n, seed)}))
    assert score_of(SAMPLERS.parse("Learning")).name == "psnr"
    with pytest.raises(RequestError, match="Learning: no score 'ssim'"):
        score_of(SAMPLERS.parse("Learning:score=ssim"))


def test_what_is_no_sampler_is_not_registered():
    with pytest.raises(RequestError, match="lacks draw, update, priority, state, restore, score"):
        vf.register_sampler(int)
    with pytest.raises(RequestError, match="no score 'ssim'"):
        vf.register_sampler(type("Wrong", (Nth,), {"score": "ssim"}))
    assert "Wrong" not in SAMPLERS
