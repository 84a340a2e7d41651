"""A registry overwrites nothing, loads lazily, and parses NAME:OPTION=VALUE strictly."""

import sys

import pytest

from visionfw.errors import RequestError
from visionfw.registry import Entry, Registry, Spec, choice, number, switch

BLUR = Entry(
    name="blur",
    target="fractions:Fraction",
    help="Gaussian blur",
    options={"sigma": number(1.5, minimum=0), "kind": choice("color", "gray"), "size": number(0, minimum=0, whole=True)},
    check=lambda values: ["size must be odd"] if values["size"] and values["size"] % 2 == 0 else [],
)


@pytest.fixture
def registry():
    return Registry("step", [BLUR, Entry(name="plain", target=len, help="nothing"), Entry(name="one", target=len, options={"gain": number(2.0)})])


def test_an_entry_is_found_by_its_name(registry):
    @registry.register
    def first():
        """Do the first thing.

        And more.
        """

    @registry.register(name="other", help="something else")
    def second(*, width: int = 3, soft: bool = False, rate: float = 0.5, mode: str = "same", tensor=None): ...

    assert registry.names() == ["blur", "plain", "one", "first", "other"]
    assert registry.load("other") is second
    assert registry.get("first").help == "Do the first thing."
    assert dict(registry.parse("other:width=5,soft=true").options) == {"width": 5, "soft": True, "rate": 0.5, "mode": "same"}


def test_an_implementation_is_imported_when_it_is_first_needed():
    entry = Entry(name="lazy", target="antigravity_like_module:thing")
    assert Registry("step", [entry]).parse("lazy").name == "lazy"
    assert "antigravity_like_module" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        entry.load()


def test_a_name_is_taken_once_and_a_refusal_changes_nothing(registry):
    registry.add(BLUR)  # the same again
    with pytest.raises(RequestError, match="a step 'blur' is registered already"):
        registry.register(max, name="blur")
    assert registry.load("blur").__name__ == "Fraction"


def test_a_definition_made_again_takes_the_place_of_the_first(registry):
    def define(value):
        @registry.register
        def mine():
            return value

    define(1)
    define(2)
    assert registry.load("mine")() == 2


@pytest.mark.parametrize("name", ["", "a:b", "a b", "a+b", "a,b", "a=b", 5])
def test_a_name_that_the_grammar_could_not_read_is_refused(registry, name):
    with pytest.raises(RequestError, match="must be a word"):
        registry.add(Entry(name=name, target=len))


def test_what_is_no_function_is_refused(registry):
    with pytest.raises(RequestError, match="a step is a function or a class, not 3"):
        registry.register(3, name="three")


def test_defaults_are_filled_in_and_the_text_is_canonical(registry):
    spec = registry.parse(" blur : sigma = 2 ")
    assert spec == Spec("blur", {"sigma": 2.0, "kind": "color", "size": 0})
    assert str(spec) == "blur:sigma=2,kind=color,size=0"
    assert registry.parse(str(spec)) == spec
    assert hash(registry.parse(str(spec))) == hash(spec)
    assert str(registry.parse("plain")) == "plain"


def test_an_entry_with_one_option_takes_its_value_alone(registry):
    assert registry.parse("one:0.25") == registry.parse("one:gain=0.25")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("blurr", "--step: no step 'blurr'; did you mean 'blur'?"),
        ("blur:sigam=1", "--step: blur: no option 'sigam'; did you mean 'sigma'?"),
        ("blur:sigma=1,sigma=2", "--step: blur: sigma is given twice"),
        ("blur:sigma=-1", "--step: blur: sigma must be a number of at least 0, not '-1'"),
        ("blur:sigma=nan", "--step: blur: sigma must be a number of at least 0, not 'nan'"),
        ("blur:kind=red", "--step: blur: kind must be one of color, gray, not 'red'"),
        ("blur:size=4", "--step: blur: size must be odd"),
        ("blur:1.5", "--step: blur: '1.5' is not OPTION=VALUE; blur takes sigma, kind, size"),
        ("plain:x=1", "--step: plain takes no options, but 'x=1' is given"),
        ("blur:kind=red,size=x", "--step: blur: kind must be one of color, gray, not 'red'\n--step: blur: size must be a whole number of at least 0, not 'x'"),
    ],
)
def test_a_wrong_text_is_refused_with_every_problem(registry, text, sentence):
    with pytest.raises(RequestError) as caught:
        registry.parse(text)
    assert str(caught.value) == sentence


def test_messages_name_the_flag(registry):
    with pytest.raises(RequestError, match=r"^--degradation: no step 'x'"):
        registry.parse("x", "degradation")


def test_a_switch_is_true_or_false():
    assert switch(False).parse("True") is True
    with pytest.raises(ValueError, match="maybe"):
        switch(False).parse("maybe")


def test_a_list_shows_options_with_their_defaults(registry):
    assert registry.summaries()["blur"] == "Gaussian blur (sigma=1.5, kind=color, size=0)"


def test_a_temporary_entry_goes_away(registry):
    with registry.temporary(Entry(name="a", target=len)):
        assert "a" in registry
    assert "a" not in registry
