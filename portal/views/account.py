"""Signing in and out, one's own account, and the way to one's first page."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from audit.people import record_sign_in
from portal.forms.account import PasswordForm, SignInForm
from portal.frame import appearance
from portal.frame.access import for_roles
from portal.frame.navigation import landing_for


class SignIn(auth_views.LoginView):
    form_class = SignInForm
    template_name = "portal/account/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: SignInForm) -> HttpResponse:
        answer = super().form_valid(form)
        record_sign_in(person=form.get_user(), now=timezone.now())
        return answer


class SignOut(auth_views.LogoutView):
    http_method_names = ["post", "options"]


class ChangePassword(auth_views.PasswordChangeView):
    form_class = PasswordForm
    template_name = "portal/account/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        messages.success(self.request, "Your password is changed. You stay signed in here.")
        return super().form_valid(form)


def locked_out(
    request: HttpRequest, credentials: dict[str, str] | None = None, *args: object
) -> HttpResponse:
    """django-axes calls this after too many failed sign-ins."""
    minutes = round(settings.AXES_COOLOFF_TIME * 60)
    return render(request, "portal/account/locked.html", {"minutes": minutes}, status=429)


@require_GET
@for_roles()
def home(request: HttpRequest) -> HttpResponse:
    return redirect(landing_for(request.user))


@require_GET
@for_roles()
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/account/account.html")


@require_POST
def change_appearance(request: HttpRequest) -> HttpResponse:
    """System, light, dark, and round again; works without JavaScript and without an account."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = reverse("home")
    answer = redirect(target)
    chosen = appearance.next_appearance(appearance.appearance_of(request))
    answer.set_cookie(
        appearance.COOKIE, chosen, max_age=365 * 86400, httponly=True, samesite="Lax", secure=settings.HTTPS
    )
    return answer
