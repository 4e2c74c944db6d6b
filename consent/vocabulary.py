"""The words that scopes and requests share: code → what a person reads.

Codes are stored and signed, so they are never renamed; labels may be. Languages are BCP 47, territories
ISO 3166-1 alpha-2 plus two groups.
"""

from typing import NamedTuple

PURPOSES: dict[str, str] = {
    "customer_service": "Customer service",
    "product_interface": "Product interface",
    "training": "Training and learning",
    "accessibility": "Accessibility",
    "internal_communication": "Internal communication",
    "news": "News and information",
    "entertainment": "Entertainment",
    "advertising": "Advertising",
    "research": "Research and testing",
}

CHANNELS: dict[str, str] = {
    "phone": "Telephone and voice menus",
    "app": "Apps",
    "web": "Web sites",
    "social_media": "Social media",
    "podcast": "Podcasts and audiobooks",
    "video": "Video",
    "broadcast": "Radio and television",
    "on_site": "Announcements on site",
    "internal": "Inside the organisation",
}

LANGUAGES: dict[str, str] = {
    "en": "English",
    "en-GB": "English (United Kingdom)",
    "en-US": "English (United States)",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
}

EU = "EU"
WORLDWIDE = "worldwide"

EU_COUNTRIES: dict[str, str] = {
    "AT": "Austria",
    "BE": "Belgium",
    "BG": "Bulgaria",
    "HR": "Croatia",
    "CY": "Cyprus",
    "CZ": "Czechia",
    "DK": "Denmark",
    "EE": "Estonia",
    "FI": "Finland",
    "FR": "France",
    "DE": "Germany",
    "GR": "Greece",
    "HU": "Hungary",
    "IE": "Ireland",
    "IT": "Italy",
    "LV": "Latvia",
    "LT": "Lithuania",
    "LU": "Luxembourg",
    "MT": "Malta",
    "NL": "Netherlands",
    "PL": "Poland",
    "PT": "Portugal",
    "RO": "Romania",
    "SK": "Slovakia",
    "SI": "Slovenia",
    "ES": "Spain",
    "SE": "Sweden",
}

COUNTRIES: dict[str, str] = dict(
    sorted(
        {
            **EU_COUNTRIES,
            "AR": "Argentina",
            "AU": "Australia",
            "BR": "Brazil",
            "CA": "Canada",
            "CH": "Switzerland",
            "CL": "Chile",
            "CN": "China",
            "CO": "Colombia",
            "GB": "United Kingdom",
            "IL": "Israel",
            "IN": "India",
            "IS": "Iceland",
            "JP": "Japan",
            "KE": "Kenya",
            "KR": "South Korea",
            "MX": "Mexico",
            "MY": "Malaysia",
            "NG": "Nigeria",
            "NO": "Norway",
            "NZ": "New Zealand",
            "PH": "Philippines",
            "SG": "Singapore",
            "TR": "Türkiye",
            "TW": "Taiwan",
            "UA": "Ukraine",
            "US": "United States",
            "VN": "Vietnam",
            "ZA": "South Africa",
        }.items(),
        key=lambda item: item[1],
    )
)

TERRITORIES: dict[str, str] = {WORLDWIDE: "Worldwide", EU: "European Union", **COUNTRIES}


class Topic(NamedTuple):
    """A subject an owner may forbid. Its word list stops the plain cases; meaning is for the reviewers."""

    label: str
    words: tuple[str, ...]


TOPICS: dict[str, Topic] = {
    "politics": Topic(
        "Politics and elections",
        (
            "election",
            "elections",
            "vote",
            "voter",
            "voters",
            "ballot",
            "candidate",
            "senator",
            "president",
            "prime minister",
            "parliament",
            "political party",
            "campaign rally",
            "referendum",
        ),
    ),
    "religion": Topic(
        "Religion",
        (
            "church",
            "mosque",
            "synagogue",
            "bible",
            "quran",
            "koran",
            "torah",
            "gospel",
            "prayer",
            "salvation",
        ),
    ),
    "sexual": Topic("Sexual content", ("sex", "sexual", "sexy", "porn", "pornography", "nude", "erotic")),
    "violence": Topic(
        "Violence and weapons",
        ("kill", "murder", "gun", "guns", "weapon", "weapons", "bomb", "shooting", "torture"),
    ),
    "gambling": Topic(
        "Gambling", ("casino", "gambling", "betting", "jackpot", "poker", "slot machine", "lottery")
    ),
    "alcohol_tobacco": Topic(
        "Alcohol and tobacco",
        (
            "beer",
            "wine",
            "whisky",
            "whiskey",
            "vodka",
            "cigarette",
            "cigarettes",
            "tobacco",
            "vape",
            "vaping",
        ),
    ),
    "medical": Topic(
        "Medical claims", ("cure", "cures", "diagnosis", "prescription", "dosage", "vaccine", "vaccines")
    ),
    "financial": Topic(
        "Financial advice",
        ("invest", "investment", "investments", "crypto", "bitcoin", "stocks", "guaranteed return", "loan"),
    ),
}
