"""The Celery application: queue ``gpu`` enrols and speaks, queue ``default`` does everything else.

Redis carries ids only; the database is the only truth. A lost broker or a killed worker loses no
job, because the scheduler hands out again what the database says is due.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.task_routes = {
    "synthesis.tasks.enrol_voice": {"queue": "gpu"},
    "synthesis.tasks.speak_line": {"queue": "gpu"},
}
app.conf.beat_schedule = {
    "hand out lost work again": {"task": "synthesis.tasks.requeue_lost", "schedule": 10.0},
    "end permits that ran out": {"task": "synthesis.tasks.expire_permits", "schedule": 60.0},
    "begin and end consents": {"task": "consent.tasks.expire_consents", "schedule": 300.0},
}
