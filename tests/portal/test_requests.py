"""The requester's forms and pages, in good order and in bad."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.roles import Role
from synthesis.models import SpeechRequest
from tests.portal.house import FLAC, House

Status = SpeechRequest.Status


@pytest.fixture
def client(house: House, as_role: Callable[[Role], Client]) -> Client:
    house.consent()
    return as_role(Role.REQUESTER)


def typed(house: House, **changes: Any) -> dict[str, Any]:
    """What a requester types into the form."""
    wish = house.wish(**changes)
    script = "\n".join(wish.pop("lines"))
    return {"voice": house.voice.pk, "script": script, "note": "", **wish}


def test_empty_list_says_how_to_begin(client: Client) -> None:
    assert b"No requests yet" in client.get(reverse("requests")).content


def test_form_sent_with_submit_becomes_a_submitted_request(house: House, client: Client) -> None:
    response = client.post(reverse("request-new"), typed(house) | {"submit": "yes"})

    request = SpeechRequest.objects.get()
    assert response.headers["Location"] == reverse("request", args=[request.pk])
    assert (request.status, request.stage) == (Status.SUBMITTED, "policy")
    assert [line.text for line in request.lines.all()] == house.wish()["lines"]


def test_form_sent_with_save_stays_a_draft(house: House, client: Client) -> None:
    client.post(reverse("request-new"), typed(house) | {"save": "yes"})

    assert SpeechRequest.objects.get().status == Status.DRAFT


def test_empty_lines_of_a_script_are_left_out(house: House, client: Client) -> None:
    client.post(reverse("request-new"), typed(house) | {"script": "One.\n\n  \nTwo.\n"})

    assert [line.text for line in SpeechRequest.objects.get().lines.all()] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("", "This field is required."),
        (" \n \n", "The script has no words."),
        ("Hello\x07 there", "invisible character U+0007"),
        ("word " * 4001, "a request takes 20,000"),
        ("long " * 121, "a line takes 600"),
        ("!!!", "no letter or number to speak"),
    ],
)
def test_bad_script_is_explained_and_nothing_typed_is_lost(
    house: House, client: Client, script: str, sentence: str
) -> None:
    response = client.post(reverse("request-new"), typed(house) | {"script": script})

    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert "Line closed" in response.content.decode()
    assert not SpeechRequest.objects.exists()


@pytest.mark.parametrize("field", ["purpose", "channel", "territory", "language", "voice"])
def test_code_that_is_no_choice_is_refused_at_its_field(house: House, client: Client, field: str) -> None:
    response = client.post(reverse("request-new"), typed(house) | {field: "no-such-thing"})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not SpeechRequest.objects.exists()


def test_request_outside_the_consent_stays_a_draft_and_says_why(house: House, client: Client) -> None:
    response = client.post(
        reverse("request-new"), typed(house, channel="podcast") | {"submit": "yes"}, follow=True
    )

    assert SpeechRequest.objects.get().status == Status.DRAFT
    assert "Podcasts and audiobooks is not among the channels the owner allows." in response.content.decode()


def test_live_check_names_the_clause_that_decides(house: House, client: Client) -> None:
    response = client.post(reverse("request-check"), typed(house, lines=["Visit the casino tonight."]))

    page = response.content.decode()
    assert "Outside the consent" in page
    assert "The script names forbidden topics: Gambling (casino)." in page
    assert "It may not speak about gambling." in page


def test_live_check_without_a_voice_asks_for_one(client: Client) -> None:
    assert b"Choose a voice" in client.post(reverse("request-check"), {"script": "Hello"}).content


def test_edit_of_a_request_under_review_takes_it_back_to_draft(house: House, client: Client) -> None:
    request = house.in_review()

    page = client.get(reverse("request-edit", args=[request.pk])).content.decode()
    client.post(reverse("request-edit", args=[request.pk]), typed(house, lines=["Other words."]))

    request.refresh_from_db()
    assert "Reviewers are reading this" in page
    assert (request.status, request.revision) == (Status.DRAFT, 2)


def test_cancelling_asks_first_and_then_cancels(house: House, client: Client) -> None:
    request = house.submitted()
    address = reverse("request-cancel", args=[request.pk])

    assert b"Cancel this request?" in client.get(address).content
    request.refresh_from_db()
    assert request.status == Status.SUBMITTED
    client.post(address)

    request.refresh_from_db()
    assert request.status == Status.CANCELLED


def test_cancelling_twice_is_a_conflict_with_its_code(house: House, client: Client) -> None:
    request = house.submitted()
    client.post(reverse("request-cancel", args=[request.pk]))

    response = client.post(reverse("request-cancel", args=[request.pk]))

    assert response.status_code == 409
    assert b"request.wrong_state" in response.content


def test_progress_is_polled_until_nothing_moves(house: House, client: Client) -> None:
    approved = house.approved()
    assert client.get(reverse("request-progress", args=[approved.pk])).status_code == 200
    assert b"every 2s" in client.get(reverse("request", args=[approved.pk])).content

    SpeechRequest.objects.filter(pk=approved.pk).update(status=Status.READY)

    assert client.get(reverse("request-progress", args=[approved.pk])).status_code == 286
    assert b"every 2s" not in client.get(reverse("request", args=[approved.pk])).content


def test_page_of_a_ready_request_shows_chain_measures_and_player(house: House, client: Client) -> None:
    clip = house.ready_clip()

    page = client.get(reverse("request", args=[clip.request_id])).content.decode()

    for words in ("Signed permit for exactly these lines.", f"{clip.watermark_id:08x}", "0.71", "0%"):
        assert words in page
    assert f'data-clip="{reverse("clip", args=[clip.pk])}"' in page


def test_refused_line_says_why_in_plain_words_with_the_code(house: House, client: Client) -> None:
    request = house.approved()
    request.renders.update(status="refused", failure_code="grant.expired")

    page = client.get(reverse("request", args=[request.pk])).content.decode()

    assert "The permit to speak had run out" in page
    assert "grant.expired" in page


def test_clip_is_played_and_downloaded_with_its_name(house: House, client: Client) -> None:
    clip = house.ready_clip()

    played = client.get(reverse("clip", args=[clip.pk]))
    saved = client.get(reverse("clip-download", args=[clip.pk]))

    assert (played.content, played.headers["Content-Type"]) == (FLAC, "audio/flac")
    assert "no-store" in played.headers["Cache-Control"]
    assert saved.headers["Content-Disposition"].endswith('-line-001.flac"')


def test_clip_under_a_freeze_is_refused(house: House, client: Client) -> None:
    clip = house.ready_clip()
    house.freeze()

    response = client.get(reverse("clip", args=[clip.pk]))

    assert response.status_code == 422
    assert b"voice.frozen" in response.content


def test_list_is_searched_and_filtered(house: House, client: Client) -> None:
    house.draft(title="Summer greeting")
    house.submitted(title="Winter greeting")

    def titles(**query: str) -> set[str]:
        return {each.title for each in client.get(reverse("requests"), query).context["page"]}

    assert titles() == {"Winter greeting", "Summer greeting"}
    assert titles(q="summer") == {"Summer greeting"}
    assert titles(status="submitted") == {"Winter greeting"}
    assert titles(status="nonsense", page="99") == {"Winter greeting", "Summer greeting"}


def test_filter_under_htmx_answers_with_the_rows_alone(house: House, client: Client) -> None:
    page = client.get(reverse("requests"), headers={"HX-Request": "true"}).content

    assert b"<html" not in page
    assert b"No requests yet" in page
