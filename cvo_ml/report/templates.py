"""What every page shares: escaping, number formats, the style, and plotly's script inside the page."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from plotly.offline import get_plotlyjs

from cvo_ml.report.text.outcomes import gone_customers, not_evaluated


def fill(template: str, **values: Any) -> str:
    """The page of a template of this folder; a missing value is an error, foreign text is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["money"] = lambda value: f"{value:,.0f}"
    environment.filters["percent"] = lambda value: f"{value:.0%}"
    environment.filters["gone_customers"] = gone_customers
    environment.globals["not_evaluated"] = not_evaluated
    page = environment.from_string(_read(template))
    return page.render(style=_read("style.css"), plotly_js=get_plotlyjs(), **values)


def _read(name: str) -> str:
    return files("cvo_ml.report").joinpath(name).read_text(encoding="utf-8")
