"""What laws windows keep: nothing is lost, nothing is reordered, the budget holds, and what matters comes first."""

from __future__ import annotations

import time

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard_sklearn.windows import masked, ranked, sentences, window, windows

pieces = st.lists(
    st.sampled_from(
        [
            "V600E is active.",
            "BRAF",
            "codon 600",
            "et al.",
            "Fig. 2",
            "0.5",
            "(p < 0.01).",
            "e.g.",
            "The end!",
            "\n\n",
            "\n",
            "Why?",
            "x" * 30,
            "İ",
        ]
    )
    | st.text(max_size=12),
    max_size=60,
)
texts = pieces.map(" ".join)


@given(texts)
def test_sentences_lose_nothing_but_white_space(text: str) -> None:
    found = sentences(text)
    assert "".join("".join(s.split()) for s in found) == "".join(text.split())
    assert all(s == s.strip() and s for s in found)


@given(texts)
def test_sentences_are_ranked_each_once_and_stay_in_order(text: str) -> None:
    found, order = ranked(text, "BRAF", "V600E")
    assert found == sentences(text)
    assert sorted(order) == list(range(len(found)))


@given(texts, st.integers(1, 40))
def test_a_window_keeps_the_budget_and_the_order(text: str, words: int) -> None:
    chosen = window(text, "BRAF", "V600E", words).split()
    assert len(chosen) <= words
    rest = iter(text.split())
    # "cells.Then" is two sentences in one word of the text
    glued = "".join(rest)
    place = 0
    for word in chosen:
        place = glued.find(word, place)
        assert place >= 0
        place += len(word)


@given(texts)
def test_the_window_of_a_short_text_is_the_text(text: str) -> None:
    assert window(text, "BRAF", "V600E", max(1, len(text.split()))) == text


@given(
    st.lists(
        st.sampled_from(["BRAF", "braf", "BRAFV600E", "BRAF-mutant", "BRAF1", "pBRAF", "ARAF", "word", "(BRAF)", "BRAF_x"]), max_size=30
    )
)
def test_masking_removes_every_symbol_that_is_a_word_and_nothing_else(words: list[str]) -> None:
    expected = {"BRAF": "GENE", "braf": "GENE", "BRAFV600E": "GENEV600E", "BRAF-mutant": "GENE-mutant", "(BRAF)": "(GENE)"}
    assert masked(" ".join(words), "BRAF") == " ".join(expected.get(w, w) for w in words)


def test_a_symbol_that_is_a_word_is_masked_in_capitals_alone() -> None:
    assert masked("MET was met", "MET") == "GENE was met"
    assert masked("Nothing to do", "") == "Nothing to do"
    assert masked(r"Gene A\1", "A", token=r"\1") == r"Gene \1\1"


def test_abbreviations_initials_and_numbers_end_no_sentence() -> None:
    text = "As J. Smith et al. 2009 found (Fig. 2A), e.g. In 0.5 % vs. 3 % of cells.12,13 It grew. \n\n Methods\n\n(We counted.) Done?! Yes"
    assert sentences(text) == [
        "As J. Smith et al. 2009 found (Fig. 2A), e.g. In 0.5 % vs. 3 % of cells.12,13",
        "It grew.",
        "Methods",
        "(We counted.)",
        "Done?!",
        "Yes",
    ]


def test_a_full_stop_without_a_space_ends_a_sentence_but_a_version_or_a_prefix_does_not() -> None:
    assert sentences("It binds Grb2 in cells.Then it is lost. See p.Val600Glu and v1.2 here.") == [
        "It binds Grb2 in cells.",
        "Then it is lost.",
        "See p.Val600Glu and v1.2 here.",
    ]


def test_what_runs_on_is_cut_every_hundred_words() -> None:
    assert [len(s.split()) for s in sentences("word " * 250)] == [100, 100, 50]


def test_what_names_the_variant_comes_first_then_its_codon_then_what_stands_beside_then_the_gene() -> None:
    text = "Nothing here. BRAF is a kinase. Still nothing. It stands beside. We made V600E. It stands behind. Rest. Codon 600 is hot. Far off. Val600Glu grew."
    found, order = ranked(text, "BRAF", "V600E")
    assert [found[i] for i in order] == [
        "We made V600E.",
        "Val600Glu grew.",
        "Codon 600 is hot.",
        "It stands beside.",
        "It stands behind.",
        "Far off.",
        "BRAF is a kinase.",
        "Nothing here.",
        "Still nothing.",
        "Rest.",
    ]


@pytest.mark.parametrize(
    "name", ["V600E", "p.V600E", "Val600Glu", "p.(Val600Glu)", "BRAFV600E", "BRAF(V600E)", "V600-to-E", "v600e", "V600E/K601N"]
)
def test_a_variant_is_found_under_every_spelling(name: str) -> None:
    text = " ".join(["Filler goes on and on."] * 30 + [f"Here {name} matters."] + ["Filler goes on and on."] * 30)
    assert name in window(text, "BRAF", "V600E", 6)


@pytest.mark.parametrize("name", ["AV600E", "V6001E", "xBRAFV600E"])
def test_a_variant_is_not_found_inside_a_longer_name(name: str) -> None:
    _, order = ranked(f"First goes by. Here {name} matters.", "BRAF", "V600E")
    assert order == [0, 1]


@pytest.mark.parametrize(
    ("given", "found"), [("V600E", "V600K"), ("T263fs", "T263fsX12"), ("R213*", "R213X"), ("E746_A750del", "delE746-A750")]
)
def test_close_kin_of_a_name_count_too(given: str, found: str) -> None:
    _, order = ranked(f"First goes by. Here {found} matters.", "BRAF", given)
    assert order == [1, 0]


def test_a_sentence_longer_than_the_budget_is_cut_around_the_name() -> None:
    text = "Start. " + "a " * 40 + "V600E " + "b " * 40 + "end. Stop."
    assert window(text, "BRAF", "V600E", 5) == "a a V600E b b"


def test_windows_are_those_of_the_rows_one_by_one() -> None:
    shared = "We made V600E in cells. " + "Filler goes on. " * 20 + "We made K601N as well."
    X = pd.DataFrame({"gene": "BRAF", "variation": ["V600E", "K601N", "V600E"], "text": [shared, shared, ""]}, index=["c", "a", "b"])
    found = windows(X, 8)
    assert found.index.equals(X.index)
    assert found.tolist() == [window(t, "BRAF", v, 8) for t, v in zip(X["text"], X["variation"], strict=True)]
    assert found["c"] != found["a"]


@pytest.mark.parametrize(
    "text", ["BRAF V600E grew (Fig. 2). " * 12_000, "no stop " * 37_500, ". A" * 100_000, " \n" * 150_000, ".)" * 150_000, "İ. " * 100_000]
)
def test_a_text_of_three_hundred_thousand_characters_takes_no_minute(text: str) -> None:
    start = time.process_time()
    assert len(window(text, "BRAF", "V600E", 300).split()) <= 300
    assert time.process_time() - start < 10
