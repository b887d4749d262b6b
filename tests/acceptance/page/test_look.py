"""What it looks like, as far as a program can tell."""

import pytest

from .visitor import Visitor

_TEXT = ("text", "soft", "faint", "accent", "good", "warn", "bad")
_GROUND = (
    "ground",
    "surface",
    "raised",
    "sunken",
    "hover",
    "accent-ground",
    "good-ground",
    "warn-ground",
    "bad-ground",
)
#: What a colour variable comes to in the theme that is on, as [red, green, blue].
_COLOUR = """
(name) => {
  document.body.style.color = `var(--${name})`;
  return getComputedStyle(document.body).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
}
"""


def _luminance(colour: list[float]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_readable_on_every_ground(visitor: Visitor, theme: str) -> None:
    """4.5 to 1 at least, as WCAG's AA has it, whatever comes to lie on what."""
    visitor.go("/")
    visitor.run(f"document.documentElement.dataset.theme = '{theme}'")
    shown = {name: _luminance(visitor.page.evaluate(_COLOUR, name)) for name in (*_TEXT, *_GROUND)}

    poor = {
        f"{text} on {ground}": round(_contrast(shown[text], shown[ground]), 2)
        for text in _TEXT
        for ground in _GROUND
        if _contrast(shown[text], shown[ground]) < 4.5
    }
    assert poor == {}
