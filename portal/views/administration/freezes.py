"""Stop signs: freeze everything or one voice, and lift it again."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from audit.errors import VivaVoceError
from consent.access import voices_for
from portal.forms.freezes import FreezeForm
from portal.frame.access import actor_of, for_roles
from synthesis.access import SEE_FREEZES, freezes_for, get_freeze
from synthesis.freezes import MAY_FREEZE, MAY_FREEZE_ALL, freeze_all, freeze_voice, lift_freeze


@require_GET
@for_roles(*SEE_FREEZES)
def listing(request: HttpRequest) -> HttpResponse:
    freezes = freezes_for(request.user)
    context = {
        "standing": freezes.filter(lifted_at=None),
        "lifted": freezes.exclude(lifted_at=None)[:25],
        "may_freeze": bool(request.user.roles & set(MAY_FREEZE)),
    }
    return render(request, "portal/people/freezes.html", context)


@require_http_methods(["GET", "POST"])
@for_roles(*MAY_FREEZE)
def new(request: HttpRequest) -> HttpResponse:
    """Say what and why, see what that stops, confirm."""
    may_all = bool(request.user.roles & set(MAY_FREEZE_ALL))
    form = FreezeForm(request.POST or None, voices=voices_for(request.user), everything=may_all)
    if request.method == "POST" and form.is_valid():
        voice, reason = form.cleaned_data["voice"], form.cleaned_data["reason"]
        if "confirmed" not in request.POST:
            context = {"form": form, "voice": voice, "reason": reason}
            return render(request, "portal/people/freeze_confirm.html", context)
        actor, now = actor_of(request), timezone.now()
        try:
            if voice is None:
                freeze_all(reason=reason, actor=actor, now=now)
            else:
                freeze_voice(voice=voice, reason=reason, actor=actor, now=now)
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            messages.warning(request, "Frozen. Speech under way stops within seconds.")
            return redirect("freezes")
    return render(request, "portal/people/freeze.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@for_roles(*MAY_FREEZE)
def lift(request: HttpRequest, pk: UUID) -> HttpResponse:
    freeze = get_freeze(request.user, pk)
    if request.method == "POST":
        lift_freeze(freeze=freeze, actor=actor_of(request), now=timezone.now())
        messages.success(request, "Lifted. New requests can be spoken again.")
        return redirect("freezes")
    return render(request, "portal/people/lift.html", {"freeze": freeze})
