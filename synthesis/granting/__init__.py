"""Giving permits to workers (`minting`), and taking away what was permitted (`withdrawal`)."""

from synthesis.granting.minting import MEDIA, mint_enrol_grant, mint_render_grant, revoke_grants
from synthesis.granting.withdrawal import Stopped, end_use_of_consent, withdraw_permitted

__all__ = [
    "MEDIA",
    "Stopped",
    "end_use_of_consent",
    "mint_enrol_grant",
    "mint_render_grant",
    "revoke_grants",
    "withdraw_permitted",
]
