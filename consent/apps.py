from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "consent"

    def ready(self) -> None:
        # Models can be imported only once the app registry is ready.
        from consent.reporting import register_all

        register_all()
