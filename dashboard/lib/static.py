"""Static files with a hash in their name, compressed ahead."""

from typing import Any

from django.conf import settings
from whitenoise.storage import CompressedManifestStaticFilesStorage as Published

_, MODULE_RULES = Published._js_module_import_aggregation_patterns


class HashedFiles(Published):
    """Follows addresses in style sheets and in our own modules, and leaves vendors' scripts alone.

    Third-party scripts are kept as published: they name source maps that do not come with them.
    """

    patterns = (
        *(
            (files, tuple(rule for rule in rules if "sourceMapping" not in str(rule)))
            for files, rules in Published.patterns
            if files == "*.css"
        ),
        ("js/*.js", MODULE_RULES),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._addresses: dict[str | None, str] = {}

    def url(self, name: str | None, force: bool = False) -> str:
        """Return a file's address, worked out once: a manifest stays until the next one is saved.

        Raises ValueError for a file that it does not list.
        """
        if settings.DEBUG or force:
            return super().url(name, force)
        if name not in self._addresses:
            self._addresses[name] = super().url(name)
        return self._addresses[name]

    def save_manifest(self) -> None:
        """Write the manifest, and forget the addresses of the one before."""
        super().save_manifest()
        self._addresses.clear()
