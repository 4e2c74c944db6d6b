"""Every address of the portal. Paths are plain English, one noun a part; ids are UUIDs."""

from django.urls import URLPattern, URLResolver, path

from portal.views import account, errors
from portal.views.administration import freezes, people, system
from portal.views.auditing import log, reports
from portal.views.speech import clips, detection, requests, reviews
from portal.views.voices import consents, my_voice, owners, signing

account_urls = [
    path("", account.home, name="home"),
    path("sign-in/", account.SignIn.as_view(), name="sign-in"),
    path("sign-out/", account.SignOut.as_view(), name="sign-out"),
    path("account/", account.account, name="account"),
    path("account/password/", account.ChangePassword.as_view(), name="password"),
    path("appearance/", account.change_appearance, name="appearance"),
]

request_urls = [
    path("requests/", requests.listing, name="requests"),
    path("requests/new/", requests.new, name="request-new"),
    path("requests/check/", requests.check, name="request-check"),
    path("requests/<uuid:pk>/", requests.detail, name="request"),
    path("requests/<uuid:pk>/progress/", requests.progress, name="request-progress"),
    path("requests/<uuid:pk>/edit/", requests.edit, name="request-edit"),
    path("requests/<uuid:pk>/submit/", requests.submit, name="request-submit"),
    path("requests/<uuid:pk>/cancel/", requests.cancel, name="request-cancel"),
    path("clips/<uuid:pk>/", clips.play, name="clip"),
    path("clips/<uuid:pk>/download/", clips.download, name="clip-download"),
    path("reviews/", reviews.inbox, name="reviews"),
    path("reviews/<uuid:pk>/", reviews.review, name="review"),
]

owner_urls = [
    path("owners/", owners.listing, name="owners"),
    path("owners/new/", owners.new, name="owner-new"),
    path("owners/<uuid:pk>/", owners.detail, name="owner"),
    path("voices/<uuid:pk>/progress/", owners.voice_progress, name="voice-progress"),
    path("voices/<uuid:pk>/recordings/", owners.upload, name="recordings-add"),
    path("voices/<uuid:pk>/enrol/", owners.enrol, name="voice-enrol"),
    path("voices/<uuid:pk>/requesters/", owners.requesters, name="voice-requesters"),
    path("voices/<uuid:pk>/consents/new/", consents.prepare, name="consent-prepare"),
    path("recordings/<uuid:pk>/remove/", owners.remove, name="recording-remove"),
    path("consents/<uuid:pk>/", consents.detail, name="consent"),
    path("consents/<uuid:pk>/change/", consents.revise, name="consent-revise"),
    path("consents/<uuid:pk>/offer/", consents.offer, name="consent-offer"),
    path("consents/<uuid:pk>/recall/", consents.recall, name="consent-recall"),
    path("consents/<uuid:pk>/manage-link/", consents.manage_link, name="consent-manage-link"),
    path("consents/<uuid:pk>/withdraw/", consents.withdraw, name="consent-withdraw"),
    path("consents/<uuid:pk>/document/", consents.document, name="consent-document"),
    path("my-voice/", my_voice.my_voice, name="my-voice"),
]

# Behind a link that the owner got; no account, the token is the permission.
signing_urls = [
    path("c/<str:token>/", signing.welcome, name="signing"),
    path("c/<str:token>/terms/", signing.terms, name="signing-terms"),
    path("c/<str:token>/sign/", signing.sign, name="signing-sign"),
    path("c/<str:token>/decline/", signing.decline, name="signing-decline"),
    path("c/<str:token>/withdraw/", signing.withdraw, name="signing-withdraw"),
    path("c/<str:token>/document/", signing.document, name="signing-document"),
]

audit_urls = [
    path("audit/", log.overview, name="audit"),
    path("audit/controls/", log.controls, name="controls"),
    path("audit/verify/", log.verify_log, name="log-verify"),
    path("log/", log.browse, name="log"),
    path("log/<int:seq>/", log.event, name="event"),
    path("log/<int:seq>/proof/", log.event_proof, name="event-proof"),
    path("reports/", reports.listing, name="reports"),
    path("reports/<uuid:pk>/", reports.detail, name="report"),
    path("reports/<uuid:pk>/progress/", reports.progress, name="report-progress"),
    path("reports/<uuid:pk>/pdf/", reports.pdf, name="report-pdf"),
    path("reports/<uuid:pk>/evidence/", reports.evidence, name="report-evidence"),
    path("reports/<uuid:pk>/cancel/", reports.cancel, name="report-cancel"),
    path("reports/<uuid:pk>/retry/", reports.retry, name="report-retry"),
    path("verify/", detection.verify, name="verify"),
]

administration_urls = [
    path("people/", people.listing, name="people"),
    path("people/new/", people.new, name="person-new"),
    path("people/<uuid:pk>/", people.detail, name="person"),
    path("people/<uuid:pk>/password/", people.password, name="person-password"),
    path("people/<uuid:pk>/close/", people.close, name="person-close"),
    path("freezes/", freezes.listing, name="freezes"),
    path("freezes/new/", freezes.new, name="freeze-new"),
    path("freezes/<uuid:pk>/lift/", freezes.lift, name="freeze-lift"),
    path("system/", system.system, name="system"),
    path("health", system.health, name="health"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *account_urls,
    *request_urls,
    *owner_urls,
    *signing_urls,
    *audit_urls,
    *administration_urls,
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.broken
