"""Removals as rows of a list: a model has fifty columns, and its row shows a dozen."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from dashboard.rembg import filenames
from dashboard.rembg.parameters import Parameters
from dashboard.removals.models import FINAL


class Row(NamedTuple):
    """A removal, as far as `removals/row.html` shows it; everything is named as in the model."""

    pk: UUID
    filename: str
    tag: str
    parameters: dict[str, Any]
    member: str
    source: str
    virtual_key_label: str
    queued_at: datetime
    state: str
    charged: str
    degraded: bool
    message: str
    thumbnail: str
    files_deleted_at: datetime | None

    @property
    def is_final(self) -> bool:
        """Say whether nothing more will happen by itself."""
        return self.state in FINAL

    @property
    def has_files(self) -> bool:
        """Say whether its pictures are still kept."""
        return self.files_deleted_at is None

    @property
    def shown_name(self) -> str:
        """Return the file's name, cut to what a page has room for (U24)."""
        return filenames.display(self.filename)

    @property
    def asked(self) -> Parameters:
        """Return what was asked of RemBG."""
        return Parameters(**self.parameters)
