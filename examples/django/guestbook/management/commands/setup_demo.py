"""`manage.py setup_demo`: everything the demo needs, as often as you like."""

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from guestbook.models import Entry

USER, PASSWORD = "admin", "demo"
FIRST_ENTRIES = [
    ("Ada", "The first page served here took less time than lacing my boots."),
    ("Grace", "No traceback in sight. I looked everywhere."),
    ("Zoë", "Grüße aus Zürich – umlauts, dashes and ελληνικά arrive in one piece."),
]


class Command(BaseCommand):
    help = "Makes the database, the demo user and the static files. Safe to run again."

    def handle(self, **options):
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if not Entry.objects.exists():
            for name, message in FIRST_ENTRIES:
                Entry.objects.create(name=name, message=message)
        users = get_user_model().objects
        if not users.filter(username=USER).exists():
            users.create_superuser(USER, password=PASSWORD)
        self.stdout.write(self.style.SUCCESS("The demo site is ready."))
        self.stdout.write(f"Admin: /admin/   user: {USER}   password: {PASSWORD}   (change it on a real server)")
