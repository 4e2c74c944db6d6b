"""The pages of a voice owner with an account: every use of one's voice, and the way to end it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit.roles import Role
from consent.access import owners_for
from portal.frame.access import for_roles
from portal.presenters.uses import uses_of
from synthesis.approvals import inbox_for


@require_GET
@for_roles(Role.VOICE_OWNER)
def my_voice(request: HttpRequest) -> HttpResponse:
    owner = owners_for(request.user).filter(account=request.user).first()
    voices = owner.voices.prefetch_related("consents") if owner else []
    context = {
        "owner": owner,
        "voices": [(voice, voice.consents.all(), uses_of(voice)) for voice in voices],
        "awaiting": inbox_for(request.user).filter(voice__owner__account=request.user),
    }
    return render(request, "portal/owners/my_voice.html", context)
