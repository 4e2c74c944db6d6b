"""Load the demo organisation with a month of history into an empty portal."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from audit.log import integrate_pending
from portal.demo.people import PEOPLE, find_person
from portal.demo.story import Story


class Command(BaseCommand):
    help = "Load the demo organisation where there is none. Its voices are synthetic, its people invented."

    def handle(self, **options: Any) -> None:
        story = Story(now=timezone.now(), say=self.stdout.write)
        if story.is_told():
            return
        if find_person(PEOPLE[0]) is not None:
            # The event log cannot be taken back, so neither can half a month of it.
            raise CommandError(
                "demo.half_loaded: Loading the demo was interrupted. "
                f"Delete {settings.DATA_DIR} to start again, or go on without it: DEMO=0."
            )
        self.stdout.write("Loading the demo organisation")
        story.tell()
        integrate_pending()
