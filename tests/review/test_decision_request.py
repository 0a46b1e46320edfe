from __future__ import annotations

import pytest

from ocrx.errors import DataError
from ocrx.review.decision_request import MAX_TEXT, DecisionRequest, label_text
from ocrx.review.decisions import Status


def request(text: str, status: Status = "accepted") -> DecisionRequest:
    return DecisionRequest("a.png", status, text, 0, 0, "me")


@pytest.mark.parametrize("text", ["", "   ", "a\tb", "a\nb", "\ud800", "x" * (MAX_TEXT + 1), "a\x00b"])
def test_what_cannot_be_a_label_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        label_text(request(text))


@pytest.mark.parametrize("text", ["a\u200db", "<script>", "\u0627\u0644", "a\u00a0b", "x" * MAX_TEXT])
def test_any_script_is_a_label(text: str) -> None:
    assert label_text(request(text)) == text


def test_nfc_without_spaces_around() -> None:
    assert label_text(request("  cafe\u0301 ")) == "caf\u00e9"


def test_a_line_that_is_not_accepted_has_no_text() -> None:
    assert label_text(request("anything\n", "unreadable")) == ""
