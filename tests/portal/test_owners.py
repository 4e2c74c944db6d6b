"""The steward's pages: owners, uploads with a result for each file, consents and their links."""

import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import soundfile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audit.roles import Role
from consent.models import Consent, Recording, VoiceOwner
from tests.portal.house import House
from tests.synthesis.world import tone


@pytest.fixture
def client(as_role: Callable[[Role], Client]) -> Client:
    return as_role(Role.VOICE_STEWARD)


def wav(seconds: float = 6.0) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(seconds), 24_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def upload(client: Client, house: House, **files: bytes) -> Any:
    named = [SimpleUploadedFile(name.replace("_", "."), data) for name, data in files.items()]
    return client.post(reverse("recordings-add", args=[house.voice.pk]), {"recordings": named})


def wanted_scope(house: House, **changes: Any) -> dict[str, Any]:
    return {
        "purposes": ["customer_service"],
        "channels": ["phone"],
        "languages": ["en"],
        "territories": ["EU"],
        "forbidden_topics": ["gambling"],
        "forbidden_words": "Acme\n\nBravo",
        "max_seconds_per_request": "60",
        "max_seconds_total": "600",
        "valid_from": house.now.date().isoformat(),
        "valid_until": (house.now + timedelta(days=90)).date().isoformat(),
        "disclosure": "none",
        "after_end": "destroy",
        "compensation_note": "",
        **changes,
    }


def test_new_owner_is_created_and_shown(client: Client) -> None:
    wish = {
        "full_name": "Olga Owner",
        "email": "olga@example.org",
        "country": "PT",
        "language": "en",
        "time_zone": "Europe/Lisbon",
    }

    response = client.post(reverse("owner-new"), wish)

    owner = VoiceOwner.objects.get()
    assert response.headers["Location"] == reverse("owner", args=[owner.pk])
    page = client.get(response.headers["Location"]).content
    assert b"No recordings" in page
    assert b"No consent yet" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [("full_name", "  "), ("email", "olga"), ("country", "XX"), ("language", ""), ("time_zone", "Mars/Base")],
)
def test_owner_with_a_bad_field_is_refused_there(client: Client, field: str, value: str) -> None:
    wish = {
        "full_name": "Olga Owner",
        "email": "olga@example.org",
        "country": "PT",
        "language": "en",
        "time_zone": "Europe/Lisbon",
    }

    response = client.post(reverse("owner-new"), wish | {field: value})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not VoiceOwner.objects.exists()


def test_each_uploaded_file_stands_or_falls_by_itself(house: House, client: Client) -> None:
    response = upload(client, house, good_wav=wav(), text_wav=b"this is no sound", empty_wav=b"x")

    page = response.content.decode()
    assert response.status_code == 200
    assert "good.wav</strong> is taken in" in page
    assert page.count("audio.not_audio") == 2
    assert [each.original_name for each in Recording.objects.all()] == ["good.wav"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio."),
        (wav(0.3), "audio.too_short"),
        (wav(6.0)[: 24_000 * 2], "audio.truncated"),
    ],
    ids=["header-only", "too-short", "truncated"],
)
def test_unusable_file_is_refused_with_its_code(house: House, client: Client, data: bytes, code: str) -> None:
    response = upload(client, house, bad_wav=data)

    assert response.status_code == 422
    assert code in response.content.decode()
    assert not Recording.objects.exists()


def test_upload_without_a_file_says_so(house: House, client: Client) -> None:
    response = client.post(reverse("recordings-add", args=[house.voice.pk]))

    assert response.status_code == 422
    assert b"No file came with that." in response.content


def test_recording_is_destroyed_only_after_asking(house: House, client: Client) -> None:
    recording = house.add_recording()
    address = reverse("recording-remove", args=[recording.pk])

    assert b"Destroy this recording?" in client.get(address).content
    recording.refresh_from_db()
    assert recording.status == Recording.Status.ACCEPTED
    client.post(address)

    recording.refresh_from_db()
    assert recording.status == Recording.Status.REMOVED


def test_prepared_consent_keeps_what_the_form_said(house: House, client: Client) -> None:
    client.post(reverse("consent-prepare", args=[house.voice.pk]), wanted_scope(house))

    scope = Consent.objects.get().scope
    assert scope.forbidden_topics == ("Acme", "Bravo", "gambling")
    assert (scope.max_seconds_per_request, scope.max_seconds_total) == (60, 600)
    assert scope.valid_from.astimezone().tzinfo is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"purposes": []}, "purposes"),
        ({"territories": ["XX"]}, "territories"),
        ({"max_seconds_per_request": "0"}, "max_seconds_per_request"),
        ({"max_seconds_per_request": "601"}, "max_seconds_per_request"),
        ({"valid_until": "2020-01-01"}, "valid_from"),
        ({"valid_until": "not a day"}, "valid_until"),
        ({"disclosure": "whisper"}, "disclosure"),
    ],
)
def test_scope_that_makes_no_sense_is_refused_at_its_field(
    house: House, client: Client, changes: dict[str, Any], field: str
) -> None:
    response = client.post(reverse("consent-prepare", args=[house.voice.pk]), wanted_scope(house, **changes))

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Consent.objects.exists()


def test_offer_shows_the_link_once(house: House, client: Client) -> None:
    consent, _ = house.offer

    page = client.post(reverse("consent-offer", args=[consent.pk])).content.decode()
    token = re.search(r"/c/([\w-]+)/", page).group(1)

    assert Client().get(reverse("signing", args=[token])).status_code == 200
    assert token not in client.get(reverse("consent", args=[consent.pk])).content.decode()


def test_recalled_offer_closes_the_owners_link(house: House, client: Client) -> None:
    consent, token = house.offer

    client.post(reverse("consent-recall", args=[consent.pk]))

    assert b"link.revoked" in Client().get(reverse("signing", args=[token])).content


def test_withdrawal_needs_a_reason_and_leaves_a_receipt(house: House, client: Client) -> None:
    consent = house.consent()
    address = reverse("consent-withdraw", args=[consent.pk])

    assert client.post(address, {"reason": " "}).status_code == 422
    page = client.post(address, {"reason": "The owner called."}, follow=True).content.decode()

    consent.refresh_from_db()
    assert consent.status == Consent.Status.WITHDRAWN
    assert "Destroyed:" in page


def test_altered_consent_is_shown_as_broken(house: House, client: Client) -> None:
    consent = house.consent()
    Consent.objects.filter(pk=consent.pk).update(signature=b"\x00" * 64)

    page = client.get(reverse("consent", args=[consent.pk])).content.decode()

    assert "record.signature_invalid" in page
    assert "Verified just now" not in page


def test_voice_is_opened_to_a_requester_and_closed_again(house: House, client: Client) -> None:
    person = house.person("newcomer", Role.REQUESTER)
    address = reverse("voice-requesters", args=[house.voice.pk])

    opened = client.post(address, {"person": person.pk}, follow=True).content.decode()
    closed = client.post(address, {"person": person.pk, "close": "yes"}, follow=True).content.decode()

    assert "Newcomer may ask for speech in this voice." in opened
    assert "Newcomer may no longer ask for speech in this voice." in closed


def test_voice_is_not_opened_to_somebody_without_the_role(house: House, client: Client) -> None:
    stranger = house.person("stranger")

    page = client.post(
        reverse("voice-requesters", args=[house.voice.pk]), {"person": stranger.pk}, follow=True
    )

    assert b"Choose one of the requesters." in page.content


def test_learning_a_voice_without_consent_is_refused_in_words(house: House, client: Client) -> None:
    page = client.post(reverse("voice-enrol", args=[house.voice.pk]), follow=True).content.decode()

    assert "consent" in page.lower()
    assert not house.voice.models.exists()
