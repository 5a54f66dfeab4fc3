"""What can go wrong, and whose turn it is.

ComposerError               the text is shown to the user: it says what to change
├── AdapterError            this folder is not a usable adapter
│   └── IncompatibleAdapters    these adapters cannot be composed with each other, or on this base model
├── BaseModelError          this folder is not a base model that we can run
├── ExampleError            line 3 has no "output"
├── SettingsError           a budget, a bound, a method out of its range
└── SearchStopped           the caller asked us to stop

Every error carries `code`, a stable snake_case word for programs; the sentence may change, the code does not.
"""


class ComposerError(Exception):
    """Base of all errors whose text is meant for the user."""

    default_code = "composer_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class AdapterError(ComposerError):
    """The adapter's files are malformed, unsupported or do not belong to the base model."""

    default_code = "bad_adapter"


class IncompatibleAdapters(AdapterError):
    """The adapters are fine each for itself, but not together."""

    default_code = "incompatible_adapters"


class BaseModelError(ComposerError):
    """The base model cannot be loaded or is of a kind that cannot be composed on."""

    default_code = "bad_base_model"


class ExampleError(ComposerError):
    """An example has no input, no output, or is too long; the text names line and field."""

    default_code = "bad_examples"


class SettingsError(ComposerError):
    """A setting is out of its range."""

    default_code = "bad_settings"


class SearchStopped(ComposerError):
    """Raised by the caller's own callback to end a search early."""

    default_code = "stopped"
