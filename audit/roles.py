"""The roles people act in. Each is a Django group whose name is the role's value."""

from django.contrib.auth.models import Group
from django.db.models import TextChoices


class Role(TextChoices):
    REQUESTER = "requester", "Requester"
    POLICY_REVIEWER = "policy_reviewer", "Policy reviewer"
    LEGAL_REVIEWER = "legal_reviewer", "Legal reviewer"
    SECURITY_REVIEWER = "security_reviewer", "Security reviewer"
    VOICE_STEWARD = "voice_steward", "Voice steward"
    VOICE_OWNER = "voice_owner", "Voice owner"
    AUDITOR = "auditor", "Auditor"
    ADMINISTRATOR = "administrator", "Administrator"


def ensure_role_groups() -> None:
    """Make the group of every role that has none."""
    Group.objects.bulk_create([Group(name=role.value) for role in Role], ignore_conflicts=True)
