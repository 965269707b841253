"""Static files with a hash in their name, compressed ahead."""

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
