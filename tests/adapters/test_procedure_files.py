"""Templates and YAML from strangers: what they may not do is refused at once, and nothing they do takes long."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.adapters.procedure_files import YamlProcedures, example, read_file
from holdfast.adapters.templates import LOOP_STEPS, OUTPUT_CHARS, WORK_CHARS, JinjaTemplates
from holdfast.errors import InvalidField, NotFound

TEMPLATES = JinjaTemplates()
YAML = YamlProcedures()
DOUBLED = "".join(f"{{% for {new} in [[{', '.join(old * 20)}]] %}}" for old, new in itertools.pairwise("nopqrstuvwx"))
"""Ten loops of one step each, in which ``x`` is a list of 20 times the list of the loop before: 20**10 entries."""
ENDS = "{% endfor %}" * 10
VALUES = {"a": "a" * 100_000, "b": [1, 2] * 50, "m": {"x": "y", "items": 5}, "n": 7, "none": None, "long": "x" * 1_000}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ n * 2 + 1 }} {{ n / 2 }} {{ n // 2 }} {{ -n % 5 }}", "15 3.5 3 3"),
        ("{% for x in b[:3] %}{{ loop.index }}{% if not loop.last %},{% endif %}{% endfor %}", "1,2,3"),
        ("{{ m.x }}{{ m['x'] }}{{ m.items }}", "yy5"),
        ("[{{ none }}]{{ none|default('z') }}", "[]z"),
        ("[{{ n if n > 9 }}][{{ [n if n > 9, 'é']|join('-') }}][{{ (n if n > 9)|upper }}]", "[][-é][]"),
        ("{{ b[0] if n > 3 and 'x' in long else 0 }}", "1"),
        ("{% if none is none %}{{ 'é'|upper }}{{ b[:2]|join('-') }}{{ [n]|tojson }}{% endif %}", "É1-2[7]"),
        ("{% raw %}{{ n }}{% endraw %}{# nothing #}{{ 'aXbX'|replace('X', n) }}", "{{ n }}a7b7"),
        ("{{ [3, 1, 3]|unique|sort|join }}{{ 'abc'|reverse|first }}{{ 2.567|round(1) }}{{ ' x '|trim }}", "13c2.6x"),
    ],
)  # fmt: skip
def test_a_template_fills_inputs_in_and_has_conditions_loops_and_filters(template, expected):
    TEMPLATES.names(template)
    assert TEMPLATES.fill(template, VALUES) == expected


def test_the_inputs_of_a_template_are_those_it_does_not_make_itself():
    assert TEMPLATES.names("{{ a }}{% for x in b %}{{ x }}{{ loop.index }}{% endfor %}") == {"a", "b"}


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% include '/etc/passwd' %}", "includes a file"), ("{% import 'x' as y %}", "imports a file"),
        ("{% from 'x' import y %}", "imports a file"), ("{% extends 'x' %}", "extends a file"),
        ("{% for i in range(10**9) %}x{% endfor %}", "calls something"), ("{{ 'a' * 10**9 }}", "a power"),
        ("{% macro m() %}{{ m() }}{% endmacro %}", "a macro"), ("{% set a = b %}", "a set"), ("{{ a ~ a }}", "a ~"),
        ("{% for x in b recursive %}{{ loop(b) }}{% endfor %}", "calls itself"), ("{{ a.upper() }}", "calls something"),
        ("{{ ''.__class__ }}", "'__class__'"), ("{{ a|attr('x') }}", "filter 'attr'"), ("{{ self }}", "'self'"),
        ("{{ a|center(1000000000) }}", "filter 'center'"), ("{{ _left }}", "'_left'"), ("{{ a", "cannot be read"),
        ("{{ " + "(" * 3_000, "cannot be read"), ("{{ " + "[" * 60 + "]" * 60 + " }}", "nested more than"),
        ("{% block x %}{% endblock %}", "a block"), ("{% filter upper %}x{% endfilter %}", "a filter block"),
        ("{% call x() %}{% endcall %}", "a call block"), ("{% with a = 1 %}{% endwith %}", "a with"),
        ("x" * 20_001, "20,001 characters"), ("{{ a is filter }}", "test 'filter'"), ("{{ a is eq(b) }}", "test 'eq'"),
        ("{% for x in b %}" * 21 + "{% endfor %}" * 21, "cannot be read"), ("{{ 1 is sameas(2) }}", "test"),
        ("{{ {'a': 1} }}", "a Dict"), ("{{ {}.get }}", "a Dict"), ("{% do 1 %}", "cannot be read"),
        ("{{ b|_counted(-9) }}", "filter '_counted'; known are cap"), ("{{ b|_weighed }}", "filter '_weighed'"),
    ],
)  # fmt: skip
def test_what_a_template_may_not_do_is_refused_when_it_is_read(template, why):
    with pytest.raises(InvalidField) as caught:
        TEMPLATES.names(template)
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ 'a' * 1000000000 }}", "two numbers"), ("{{ '%1000000000s' % 'x' }}", "two numbers"),
        ("{{ b * 100000 }}", "two numbers"), ("{{ a['__class__'] }}", "undefined|attribute"),
        ("{% for x in b %}{% for y in b %}{% for z in b %}{% endfor %}{% endfor %}{% endfor %}", "0,000 steps"),
        ("{% for x in a %}{% endfor %}", f"{LOOP_STEPS:,} steps"),
        ("{{ a }}{{ a }}{{ a }}", f"more than {OUTPUT_CHARS:,} characters"),
        ("{{ a|replace('a', long) }}", f"more than {OUTPUT_CHARS:,} characters"),
        ("{{ b|join(a) }}", f"more than {OUTPUT_CHARS:,} characters"),
        ("{{ (a + a) + (a + a) }}", f"more than {OUTPUT_CHARS:,} characters"),
        ("{% for x in b %}{% if a|upper == 'x' %}{% endif %}{% endfor %}", f"{WORK_CHARS:,} characters"),
        ("{% for x in b %}{% if 'q' in a %}{% endif %}{% endfor %}", f"{WORK_CHARS:,} characters"),
        ("{% for x in b %}{% if a[1:] %}{% endif %}{% endfor %}", f"{WORK_CHARS:,} characters"),
        ("{% for x in b %}{% if a|d|reverse|string|lower %}{% endif %}{% endfor %}", f"{WORK_CHARS:,} characters"),
        ("{% for x in b %}{% if a + 'x' %}{% endif %}{% endfor %}", f"{WORK_CHARS:,} characters"),
        ("{{ 99999999 * 99999999 * 99999999 }}", "too large"), ("{{ 1 / 0 }}", "zero"), ("{{ n < long }}", "supported"),
        ("{{ m.nothing }}", "attribute"), ("{{ b|sort|first|upper|int }}{{ 'x'|int }}", "cannot be filled"),
        ("{{ a|replace('', 'x') }}", "empty"), ("{{ n|first }}", "nothing to go over"),
        ("{{ b|join(1, 2, 3) }}", "cannot be filled"),
        *(
            (f"{DOUBLED}{use}{ENDS}", f"{WORK_CHARS:,} characters")
            for use in ("{{ x }}", "{{ x|length }}", "{% if x == x %}{% endif %}")
        ),
        *(
            ("{% for x in b %}{% for y in b %}" + use * (15_000 // len(use)) + "{% endfor %}" * 2, f"{WORK_CHARS:,} ch")
            for use in ("{{ none }}", "{% if m.x %}{% endif %}")
        ),
    ],
)  # fmt: skip
def test_what_comes_to_too_much_or_cannot_be_ends_when_it_is_filled(template, why):
    TEMPLATES.names(template)
    with pytest.raises(InvalidField) as caught:
        TEMPLATES.fill(template, VALUES)
    assert any(part in str(caught.value) for part in why.split("|")), str(caught.value)
    assert str(caught.value).isprintable()


PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "a", "b", "n", " ", "|", "join", "for x in", "endfor", "if", "endif", "'", "(", ")", "[",
     "]", "1", "*", "**", ".", "__", "x", "+", "set", "=", "range", "replace", ",", ":", "not", "~", "{#", "upper"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_text_at_all_makes_a_template_fail_in_another_way(template):
    with contextlib.suppress(InvalidField):
        TEMPLATES.names(template)
        assert len(TEMPLATES.fill(template, VALUES)) <= OUTPUT_CHARS


def test_words_in_yaml_stay_words():
    text = (
        "a: 12:30\nb: no\nc: 1\nd: 1.5\ne: ~\nf: true\ng: 2020-01-01\nh:\ni: 0x1F\nj: 1_000\nk: .inf\nl: 1e3\n<<: 1\n"
    )
    assert YAML.parse(text) == {
        "a": "12:30", "b": "no", "c": 1, "d": 1.5, "e": None, "f": True, "g": "2020-01-01", "h": None, "i": "0x1F",
        "j": "1_000", "k": ".inf", "l": 1_000.0, "<<": 1,
    }  # fmt: skip


BOMB = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "Line 1 of the YAML has an anchor"), ("a: [1]\nb: *a\n", "has an anchor or alias"),
        ("a: !!python/object/apply:os.system [x]\n", "has the tag"), ("!x a: 1", "has the tag"),
        ("a: 1\n---\nb: 2\n", "second document"), ("a: 1\na: 2\n", "'a' a second time"), ("1: x\n", "has the key 1"),
        ("? [a]\n: x\n", "expected a word"), ("[" * 5_000, "nested more than"), ("- " * 5_000, "nested more than"),
        ("{a: " * 5_000, "nested more than"), ("[" + "a," * 30_000 + "]", "more than 20,000 values"),
        ("a: " + "x" * 400_001, "400,000 bytes"), ("a: [", "no YAML"), ("a: 1\n\tb: 2\n", "no YAML"),
        ("\x07", "no YAML"), ("a: " + "9" * 30, None), ("%TAG ! tag:x,2000:\n---\n!y a", "has the tag"),
        ("a: 1e9999", None),
    ],
)  # fmt: skip
def test_yaml_that_grows_or_is_more_than_plain_values_is_refused(text, why):
    if why is None:
        assert YAML.parse(text) in ({"a": "9" * 30}, {"a": float("inf")}, {"a": float("9" * 30)})
        return
    with pytest.raises(InvalidField) as caught:
        YAML.parse(text)
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab:- \n[]{},&*!|>#'\"?%\t01.~"), max_size=60))
def test_no_text_at_all_makes_yaml_fail_in_another_way(text):
    with contextlib.suppress(InvalidField):
        YAML.parse(text)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(NotFound, match="There is no file"):
        read_file(tmp_path / "none.yaml")
    with pytest.raises(InvalidField, match="cannot be read"):
        read_file(tmp_path)
    (tmp_path / "bad.yaml").write_bytes(b"a: \xff")
    with pytest.raises(InvalidField, match="not UTF-8"):
        read_file(tmp_path / "bad.yaml")
    (tmp_path / "big.yaml").write_bytes(b"x" * 400_001)
    with pytest.raises(InvalidField, match="400,000 bytes"):
        read_file(tmp_path / "big.yaml")
    (tmp_path / "good.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert YAML.parse(read_file(tmp_path / "good.yaml")) == {"a": 1}
    with pytest.raises(NotFound, match="there are: explain"):
        example("../explain")
