"""The check of many rows at once finds what a check of each row finds."""

from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from featurestore.online import checksums
from featurestore.online.checksums import are_sound, unsound_places, with_checksum
from tests.support.examples import examples

BODIES = st.lists(st.binary(max_size=40), min_size=1, max_size=20)


def keys_of(rows):
    return [b"fs:shop:v:{%d}" % place for place in range(len(rows))]


@given(BODIES)
def test_sound_rows_are_sound(bodies):
    """Rows of any content and length, one or many."""
    keys = keys_of(bodies)

    assert are_sound(keys, [with_checksum(*pair) for pair in zip(keys, bodies, strict=True)])
    assert are_sound([], [])


@examples(300)
@given(BODIES, st.data())
def test_damaged_rows_are_found_among_others(bodies, data):
    """A flipped bit, a row cut short, two rows that changed places, all rows under other keys."""
    keys = keys_of(bodies)
    rows = [with_checksum(*pair) for pair in zip(keys, bodies, strict=True)]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(rows) - 1))
        match data.draw(st.sampled_from(["bit", "cut", "swap", "shift"])):
            case "bit" if rows[place]:
                at = data.draw(st.integers(0, len(rows[place]) - 1))
                bit = 1 << data.draw(st.integers(0, 7))
                row = rows[place]
                rows[place] = row[:at] + bytes([row[at] ^ bit]) + row[at + 1 :]
            case "cut":
                rows[place] = rows[place][: data.draw(st.integers(0, len(rows[place])))]
            case "swap":
                other = data.draw(st.integers(0, len(rows) - 1))
                rows[place], rows[other] = rows[other], rows[place]
            case "shift":
                rows = [*rows[1:], rows[0]]

    assert (not unsound_places(keys, rows)) == are_sound(keys, rows)


def test_the_bytes_between_rows_bring_the_checksum_back():
    """They are right for the polynomial of CRC-32, and not only for the rows of a test."""
    sound = with_checksum(b"key", b"row")

    assert crc32(checksums._RESTART, crc32(b"key" + sound)) == 0  # noqa: SLF001
