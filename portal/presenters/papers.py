"""Files handed out: a consent's document, a report's PDF."""

from django.http import HttpResponse
from django.utils.text import slugify

from consent.models import Consent


def consent_document(consent: Consent) -> HttpResponse:
    # WeasyPrint is slow to load, and only a document that is not in the vault yet needs it.
    from consent.documents import consent_pdf

    return pdf_answer(consent_pdf(consent), f"consent-{consent.voice.label}-v{consent.version}")


def pdf_answer(data: bytes, name: str) -> HttpResponse:
    return HttpResponse(data, content_type="application/pdf", headers=attachment(name, "pdf"))


def attachment(name: str, extension: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{slugify(name)}.{extension}"'}
