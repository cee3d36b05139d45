"""Windows: the sentences that matter, by tokens; one window for all rows whose text is short."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoboard_biobert.checkpoint import find
from genoboard_biobert.texts import windows

TOLD = "Sentence {} tells of other things in cells of patients."
FAR = " ".join(TOLD.format(i) for i in range(30))


def frame(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["gene", "variation", "text"], dtype="str")


def test_a_text_that_fits_is_one_window_as_it_stands_for_all_its_variants(tiny: str) -> None:
    text = "  The BRAF variant\nis active.  Cells with KRAS are not. "
    X = frame(("BRAF", "V600E", text), ("KRAS", "G12D", text))
    assert windows(X, find(tiny).tokenizer(), 100, 3) == [[text], [text]]


def test_of_a_long_text_the_variant_s_sentences_come_first_then_the_gene_s(tiny: str) -> None:
    tokenizer = find(tiny).tokenizer()
    text = f"{FAR} In KRAS nothing was seen. {FAR} BRAF is a kinase. {FAR} The V600E mutation increased activity. {FAR}"
    best = f"BRAF is a kinase. {TOLD.format(29)} The V600E mutation increased activity. {TOLD.format(0)}"
    room = len(tokenizer(best)["input_ids"])
    ((first, second),) = windows(frame(("BRAF", "V600E", text)), tokenizer, room, 2)
    assert first == best
    assert second.startswith("Sentence 0 ")
    ((other,),) = windows(frame(("KRAS", "G12D", text)), tokenizer, room, 1)
    assert "In KRAS nothing was seen." in other


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=25), st.integers(12, 120), st.integers(1, 4))
def test_no_window_has_more_tokens_than_asked_for(tiny: str, sizes: list[int], tokens: int, most: int) -> None:
    tokenizer = find(tiny).tokenizer()
    text = " ".join("Cells " + "of patients " * (n // 2) + "respond." for n in sizes)
    (cut,) = windows(frame(("BRAF", "V600E", text)), tokenizer, tokens, most)
    assert len(cut) <= most or cut == [text]
    longest = max([5, *(len(tokenizer(s, add_special_tokens=False)["input_ids"]) for s in text.split("."))])
    # a sentence that no window has room for stands alone, and is cut by the tokenizer
    assert all(len(tokenizer(c)["input_ids"]) <= max(tokens, longest + 3) for c in cut)


def test_a_masked_gene_is_nowhere_in_its_windows_but_still_led_there(tiny: str) -> None:
    text = f"{FAR} BRAF is a kinase. {FAR} In BRAF V600E increased activity."
    for said in (text, "BRAF V600E increased activity."):
        (cut,) = windows(frame(("BRAF", "V600E", said)), find(tiny).tokenizer(), 60, 1, mask_gene=True)
        assert "GENE V600E increased activity." in cut[0]
        assert "BRAF" not in cut[0]


@pytest.mark.parametrize("text", ["", "   "])
def test_a_row_without_text_has_a_window_without_words(tiny: str, text: str) -> None:
    (cut,) = windows(frame(("BRAF", "V600E", text)), find(tiny).tokenizer(), 60, 2)
    assert [c.strip() for c in cut] == [""]
