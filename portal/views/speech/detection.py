"""Is this clip ours? Upload it and see."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from audit.errors import VivaVoceError
from portal.examining import examine_clip
from portal.forms.audit import ClipForm
from portal.frame.access import for_roles
from synthesis.access import requests_for
from synthesis.detection import MAY_DETECT


@require_http_methods(["GET", "POST"])
@for_roles(*MAY_DETECT)
def verify(request: HttpRequest) -> HttpResponse:
    form = ClipForm(request.POST, request.FILES) if request.method == "POST" else ClipForm()
    context = {"form": form}
    if form.is_valid():
        upload = form.cleaned_data["clip"]
        try:
            run = examine_clip(upload.read(), person=request.user, thorough=form.cleaned_data["thorough"])
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            context["run"] = run
            context["name"] = upload.name
            # The id of a render is told to whoever may check clips; the request behind it is not.
            asked = run.render.request_id if run.render else None
            context["wanted"] = requests_for(request.user).filter(pk=asked).first()
    return render(request, "portal/detection/verify.html", context, status=422 if form.errors else 200)
