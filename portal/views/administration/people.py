"""An administrator's pages: who may sign in, and as what."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from audit.access import get_person, people_for
from audit.errors import VivaVoceError
from audit.people import change_roles, create_person, deactivate_person, set_password
from audit.roles import Role
from portal.forms.people import NewPasswordForm, PersonForm, RolesForm
from portal.frame.access import actor_of, for_roles


@require_GET
@for_roles(Role.ADMINISTRATOR)
def listing(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/people/listing.html", {"people": people_for(request.user)})


@require_http_methods(["GET", "POST"])
@for_roles(Role.ADMINISTRATOR)
def new(request: HttpRequest) -> HttpResponse:
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wish = form.cleaned_data | {"roles": form.chosen()}
        try:
            person = create_person(**wish, actor=actor_of(request), now=timezone.now())
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            messages.success(request, f"{person.full_name} can sign in now.")
            return redirect("people")
    return render(request, "portal/people/new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@for_roles(Role.ADMINISTRATOR)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    person = get_person(request.user, pk)
    form = RolesForm(request.POST or None, initial={"roles": sorted(person.roles)})
    if request.method == "POST" and form.is_valid():
        try:
            change_roles(person=person, roles=form.chosen(), actor=actor_of(request), now=timezone.now())
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            messages.success(request, f"The roles of {person.full_name} are changed.")
            return redirect("people")
    context = {"form": form, "person": person}
    return render(request, "portal/people/detail.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@for_roles(Role.ADMINISTRATOR)
def password(request: HttpRequest, pk: UUID) -> HttpResponse:
    """For somebody who lost theirs."""
    person = get_person(request.user, pk)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_password(person=person, **form.cleaned_data, actor=actor_of(request), now=timezone.now())
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            messages.success(request, f"{person.full_name} has a new password.")
            return redirect("person", pk)
    context = {"form": form, "person": person}
    return render(request, "portal/people/password.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@for_roles(Role.ADMINISTRATOR)
def close(request: HttpRequest, pk: UUID) -> HttpResponse:
    person = get_person(request.user, pk)
    if request.method == "POST":
        deactivate_person(person=person, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"The account of {person.full_name} is closed.")
        return redirect("people")
    return render(request, "portal/people/close.html", {"person": person})
