"""End consents that are over and begin those that are due, as the scheduler does every few minutes."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from audit.actors import Actor
from consent.consents import expire_consents


class Command(BaseCommand):
    help = "End consents whose time is over and begin signed ones whose first day has come."

    def handle(self, **options: Any) -> None:
        changed = expire_consents(actor=Actor.system("expire_consents"), now=timezone.now())
        self.stdout.write(f"{changed} consent{'' if changed == 1 else 's'} changed.")
