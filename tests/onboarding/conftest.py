"""The fixtures of this folder."""

from onboarding_site import _emulator, new_site, stage

__all__ = ["_emulator", "new_site", "stage"]
