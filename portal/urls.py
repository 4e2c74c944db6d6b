"""Every address of the portal. Paths are plain English, one noun a part; ids are UUIDs."""

from django.urls import URLPattern, URLResolver, path

from portal.views import account, errors

account_urls = [
    path("", account.home, name="home"),
    path("sign-in/", account.SignIn.as_view(), name="sign-in"),
    path("sign-out/", account.SignOut.as_view(), name="sign-out"),
    path("account/", account.account, name="account"),
    path("account/password/", account.ChangePassword.as_view(), name="password"),
    path("appearance/", account.change_appearance, name="appearance"),
]

urlpatterns: list[URLPattern | URLResolver] = [*account_urls]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.broken
