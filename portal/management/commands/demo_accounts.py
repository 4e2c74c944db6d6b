"""Print one line for each demo account."""

from typing import Any

from django.core.management import BaseCommand

from portal.demo.people import PASSWORD, PEOPLE


class Command(BaseCommand):
    help = "Print who can sign in to the demo."

    def handle(self, **options: Any) -> None:
        for entry in PEOPLE:
            if entry.shown:
                self.stdout.write(f"  {entry.role.label:<18}{entry.email:<28}{PASSWORD}")
