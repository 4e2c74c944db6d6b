"""What the demo organisation asked its voices to say in its first month."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoRequest:
    title: str
    purpose: str
    channel: str
    audience: str
    lines: tuple[str, ...]
    territory: str = "EU"
    language: str = "en"
    note: str = ""


MUSEUM = DemoRequest(
    "Welcome messages for the harbour museum app",
    "product_interface",
    "app",
    "Museum visitors",
    (
        "Welcome to the harbour museum. Your tour begins at the old lighthouse.",
        "Please keep your headphones on, and follow the blue line on the floor.",
        "Thank you for visiting. We hope to see you again soon.",
    ),
    note="Replaces the studio recording from last year.",
)
STATION = DemoRequest(
    "Platform announcements, north line",
    "accessibility",
    "on_site",
    "Passengers, with step-free routes",
    (
        "The next train to the airport leaves from platform four.",
        "The lift on platform two is out of service. Please use the ramp at the west exit.",
        "This train has step free access at both ends.",
    ),
    note="Spoken for passengers who cannot read the boards.",
)
HOTLINE = DemoRequest(
    "Account hotline, urgent call-back",
    "product_interface",
    "app",
    "Bank customers",
    ("This is your bank. Call us back at once and confirm your card number, or your account is closed.",),
    note="Draft from the collections team.",
)
ONBOARDING = DemoRequest(
    "Onboarding course, module one",
    "training",
    "internal",
    "New colleagues",
    (
        "Welcome to the team. This course takes about twenty minutes.",
        "You can pause at any time, and your progress is saved.",
    ),
)
ONBOARDING_REVISED = DemoRequest(
    "Onboarding course, module one",
    "training",
    "internal",
    "New colleagues",
    (
        "Welcome to the team. This course takes about twenty minutes, and this voice is synthetic.",
        "You can pause at any time, and your progress is saved.",
    ),
    note="Says now that the voice is synthetic, as legal review asked.",
)
NEWSLETTER = DemoRequest(
    "Audio edition of the October newsletter",
    "internal_communication",
    "internal",
    "All staff",
    ("Here is what happened at Northlight in October.",),
)
FERRY = DemoRequest(
    "Ferry safety notice",
    "accessibility",
    "on_site",
    "Ferry passengers",
    ("Life jackets are stored under the seats on the upper deck.",),
)
WINTER = DemoRequest(
    "Winter opening hours",
    "product_interface",
    "app",
    "Museum visitors",
    (
        "From December to February the museum opens at ten and closes at four.",
        "On public holidays the lighthouse stays closed.",
    ),
)
QUIZ = DemoRequest(
    "Children's quiz, round one",
    "product_interface",
    "app",
    "Families",
    ("Which of these birds can sleep while it flies?", "Correct. Two more questions, and you are a captain."),
)
DELAYS = DemoRequest(
    "Delay notices, north line",
    "accessibility",
    "on_site",
    "Passengers",
    ("The train to the harbour is about ten minutes late. We are sorry for the delay.",),
    note="Please add the alternative route; see the policy review's remark.",
)
CAMPAIGN = DemoRequest(
    "Spring campaign teaser",
    "advertising",
    "social_media",
    "Followers",
    ("Spring is coming to the harbour. Are you?",),
    note="Outside the consent so far: the owner has been asked.",
)
