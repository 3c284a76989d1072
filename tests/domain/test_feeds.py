"""How the books of an exchange are followed: told, read, and said."""

import orjson
import pytest

from execution.display.words import books_sentence, books_word
from execution.domain.feeds import EXPECTED_S, FeedState, decode, encode

BOTH = {
    "okx": FeedState(streams=True, followed=3, streamed=2, missing=0, oldest_s=1.5, youngest_s=0.2),
    "firi": FeedState(streams=False, followed=1, streamed=0, missing=1),
}


def test_what_is_told_is_read_with_the_ages_of_now():
    found = decode(encode(BOTH, 100.0), 103.0)

    assert found["okx"] == FeedState(True, 3, 2, 0, 4.5, 3.2)
    assert found["firi"] == BOTH["firi"]
    assert decode(encode(BOTH, 100.0), 99.5) == BOTH, "a clock that is behind makes no book younger"


@pytest.mark.parametrize(
    "text",
    [b"", b"nonsense", b"[]", b'{"at": "x", "feeds": {}}', b'{"at": 100, "feeds": {"okx": [1, 2]}}', b'{"at": 100}'],
)
def test_what_is_none_tells_nothing(text):
    assert decode(text, 101.0) == {}


def test_what_was_told_long_ago_is_not_so_any_more():
    assert decode(encode(BOTH, 100.0), 100.0 + EXPECTED_S + 1) == {}
    assert orjson.loads(encode(BOTH, 100.0))["at"] == 100.0


@pytest.mark.parametrize(
    ("feed", "word", "sentence"),
    [
        (None, "–", "Nobody follows its order books just now: each order asks for those it needs."),
        (FeedState(True, 0, 0, 0), "–", "Nobody follows its order books just now: each order asks for those it needs."),
        (
            FeedState(False, 2, 0, 0, 7.2, 1.0),
            "asked",
            "2 order books, asked for in turn: there is no stream of them here. The oldest is 7 s old.",
        ),
        (
            FeedState(True, 1, 1, 0, 0.4, 0.4),
            "stream",
            "1 order book, all over its stream. The oldest is 0 s old.",
        ),
        (
            FeedState(True, 5, 3, 1, 70.0, 0.4),
            "stream 3/5",
            "5 order books, 3 over its stream; the others are asked for in turn until it is back. "
            "1 has not come yet. The oldest is 1 min 10 s old.",
        ),
        (
            FeedState(True, 2, 0, 2),
            "asked",
            "2 order books, none over its stream; the others are asked for in turn until it is back. "
            "2 have not come yet.",
        ),
    ],
)
def test_it_is_said_in_a_word_and_in_full(feed, word, sentence):
    assert (books_word(feed), books_sentence(feed)) == (word, sentence)
