"""The owner's pages behind a link: read, sign or decline, see every use, withdraw."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from consent.consents import AGREEMENTS, issue_manage_link
from consent.models import Consent, ConsentLink
from tests.portal.house import House

Status = Consent.Status


@pytest.fixture
def token(house: House) -> str:
    return house.offer[1]


@pytest.fixture
def client() -> Client:
    """The owner's own browser: no account, no session."""
    return Client()


def signature(**changes: Any) -> dict[str, str]:
    boxes = {f"agree_{code}": "on" for code in AGREEMENTS}
    return boxes | {"typed_name": "Olga Owner", "time_zone": "Europe/Lisbon"} | changes


def test_pages_say_who_asks_for_what_how_long_and_how_to_end_it(client: Client, token: str) -> None:
    welcome = client.get(reverse("signing", args=[token])).content.decode()
    terms = client.get(reverse("signing-terms", args=[token])).content.decode()

    for words in ("asks for the use of your voice", "How long", "How to end it", "No, I decline"):
        assert words in welcome
    for words in ("It may not speak about gambling.", "sample.wav", "No, I decline"):
        assert words in terms


def test_boxes_are_separate_and_unticked(client: Client, token: str) -> None:
    page = client.get(reverse("signing-sign", args=[token])).content.decode()

    boxes = re.findall(r'<input type="checkbox"[^>]*>', page)
    assert len(boxes) == len(AGREEMENTS) > 1
    assert not any("checked" in box for box in boxes)


def test_signature_seals_the_consent_and_shows_the_permanent_link_once(
    house: House, client: Client, token: str
) -> None:
    response = client.post(reverse("signing-sign", args=[token]), signature())

    consent = Consent.objects.get()
    assert consent.status == Status.ACTIVE
    page = response.content.decode()
    assert consent.digest in page
    address = re.search(r'value="http://testserver(/c/[^"]+)"', page).group(1)
    assert b"Every use of your voice" in client.get(address).content


@pytest.mark.parametrize("missing", sorted(AGREEMENTS))
def test_signature_without_a_box_is_refused(client: Client, token: str, missing: str) -> None:
    wish = signature()
    del wish[f"agree_{missing}"]

    response = client.post(reverse("signing-sign", args=[token]), wish)

    assert response.status_code == 422
    assert "Without this box there is no consent." in response.content.decode()
    assert Consent.objects.get().status == Status.OFFERED


@pytest.mark.parametrize("name", ["", "Olga", "Somebody Else"])
def test_signature_under_another_name_is_refused_and_the_boxes_stay(
    client: Client, token: str, name: str
) -> None:
    response = client.post(reverse("signing-sign", args=[token]), signature(typed_name=name))

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"typed_name"}
    assert response.content.count(b"checked") == len(AGREEMENTS)
    assert Consent.objects.get().status == Status.OFFERED


def test_declining_needs_no_reason_and_ends_the_link(client: Client, token: str) -> None:
    response = client.post(reverse("signing-decline", args=[token]), {"reason": ""})

    assert b"Your voice is not used." in response.content
    assert Consent.objects.get().status == Status.DECLINED
    assert client.get(reverse("signing", args=[token])).status_code != 200


@pytest.mark.parametrize("page", ["signing", "signing-terms", "signing-sign", "signing-decline"])
def test_forged_link_opens_nothing(client: Client, db: None, page: str) -> None:
    response = client.get(reverse(page, args=["forged"]))

    assert response.status_code == 404
    assert b"link.unknown" in response.content


def test_expired_link_says_so(client: Client, house: House, token: str) -> None:
    ConsentLink.objects.update(expires_at=house.now - timedelta(seconds=1))

    response = client.get(reverse("signing", args=[token]))

    assert response.status_code == 410
    assert b"link.expired" in response.content


def test_used_link_cannot_sign_again(client: Client, token: str) -> None:
    client.post(reverse("signing-sign", args=[token]), signature())

    response = client.post(reverse("signing-sign", args=[token]), signature())

    assert b"link.used" in response.content
    assert Consent.objects.count() == 1


@pytest.mark.parametrize("page", ["signing-withdraw", "signing-document"])
def test_link_to_sign_does_not_open_the_pages_to_manage(client: Client, token: str, page: str) -> None:
    response = client.get(reverse(page, args=[token]))

    assert response.status_code == 404
    assert b"link.wrong_purpose" in response.content


class TestManaging:
    @pytest.fixture
    def consent(self, house: House) -> Consent:
        return house.consent()

    @pytest.fixture
    def token(self, house: House, consent: Consent) -> str:
        return issue_manage_link(consent=consent, actor=house.owner, now=house.now)

    def test_owner_reads_every_script_asked_of_the_voice(
        self, house: House, client: Client, token: str
    ) -> None:
        request = house.submitted()

        page = client.get(reverse("signing", args=[token])).content.decode()

        for line in request.lines.all():
            assert line.text in page

    def test_withdrawal_asks_first_then_shows_the_receipt(
        self, house: House, client: Client, token: str, consent: Consent
    ) -> None:
        house.approved()
        address = reverse("signing-withdraw", args=[token])

        assert b"End this consent?" in client.get(address).content
        consent.refresh_from_db()
        assert consent.status == Status.ACTIVE
        page = client.post(address, {"reason": ""}, follow=True).content.decode()

        consent.refresh_from_db()
        assert consent.status == Status.WITHDRAWN
        assert "Receipt: what followed the end of this consent" in page
        assert consent.receipt.digest in page
        assert "Holds until" not in page
        assert client.get(address).headers["Location"] == reverse("signing", args=[token])

    def test_copy_is_a_pdf(self, client: Client, token: str) -> None:
        response = client.get(reverse("signing-document", args=[token]))

        assert response.content.startswith(b"%PDF-")
        assert response.headers["Content-Type"] == "application/pdf"

    @pytest.mark.parametrize("page", ["signing-terms", "signing-sign", "signing-decline"])
    def test_link_to_manage_does_not_open_the_pages_to_sign(
        self, client: Client, token: str, page: str
    ) -> None:
        assert client.get(reverse(page, args=[token])).status_code == 404
