"""The people of the portal; the event log's tables live in ``audit.log.models``."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from audit.log.models import Checkpoint, InboxEvent, Leaf, Node, PersonalData, SigningKey
from audit.reports.models import Report
from audit.roles import Role

__all__ = ["Checkpoint", "InboxEvent", "Leaf", "Node", "Person", "PersonalData", "Report", "SigningKey"]


class PersonManager(BaseUserManager["Person"]):
    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email=(username or "").strip().lower())


class Person(AbstractBaseUser, PermissionsMixin):
    """Someone who signs in. The e-mail address is kept in lower case, so that it is unique in any case."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="person_email_lower_case"),
        ]

    def __str__(self) -> str:
        return self.full_name

    def get_full_name(self) -> str:
        return self.full_name

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(Role(group.name) for group in self.groups.all() if group.name in Role.values)
