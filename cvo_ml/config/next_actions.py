"""What to do for each group when no effect was measured (methods B5)."""

from __future__ import annotations

from cvo_ml.config.base import FrozenConfig


class GroupAction(FrozenConfig):
    """An action's short name, None for none, and what it means in words."""

    action: str | None
    words: str


class NextActions(FrozenConfig):
    """Group name to action; groups of one's own are added here."""

    groups: dict[str, GroupAction]

    def of(self, group: str) -> GroupAction:
        """The group's action; none where the group is not named."""
        return self.groups.get(group, GroupAction(action=None, words="no action is named for this group"))
