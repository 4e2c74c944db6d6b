from django.apps import AppConfig


class SynthesisConfig(AppConfig):
    name = "synthesis"

    def ready(self) -> None:
        # Models can be imported only once the app registry is ready.
        from consent.hooks import on_consent_ended
        from synthesis.granting import end_use_of_consent
        from synthesis.reports import register_all_evidence, register_all_invariants, register_all_sections

        on_consent_ended(end_use_of_consent)
        register_all_evidence()
        register_all_invariants()
        register_all_sections()
