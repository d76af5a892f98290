"""Each job of one machine has a GPU to itself."""

from __future__ import annotations

import threading

import pytest

from diversevis.study import cards
from diversevis.study.cards import own_card


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(cards, "_POLL", 0.01)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_jobs_at_once_have_different_cards_and_more_of_them_wait():
    with own_card("auto", 2) as first:
        with own_card("cuda", 2) as second:
            assert [first, second] == ["cuda:0", "cuda:1"]
            found: list[str] = []

            def third() -> None:
                with own_card("auto", 2) as card:
                    found.append(card)

            waiting = threading.Thread(target=third)
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive()
        waiting.join(10)
        assert found == ["cuda:1"]


def test_cards_are_known_whichever_a_process_is_shown(monkeypatch):
    with own_card("auto", 2) as card:
        assert card == "cuda:0"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
        with own_card("auto", 2) as other:
            assert other == "cuda:0", "the first that it is shown is the second"


@pytest.mark.parametrize(("device", "count"), [("cuda:1", 2), ("cpu", 2), ("auto", 1), ("auto", 0)])
def test_what_is_named_or_alone_is_taken_as_it_is(device, count):
    with own_card(device, count) as first, own_card(device, count) as second:
        assert first == second == device
