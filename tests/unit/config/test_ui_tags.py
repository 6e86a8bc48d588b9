"""The ui tags: what they draw, what they escape, what they refuse."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import timezone

from config.kit import context
from config.kit.money import Money
from config.templatetags.ui.text import time_since


def draw(source: str, address: str = "/licenses/", **context: Any) -> str:
    request = RequestFactory().get(address)
    return Template(source).render(Context({"request": request, "csrf_token": "t"} | context))


def test_an_icon_is_hidden_from_screen_readers_unless_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in draw('{% icon "key" %}')
    assert 'role="img" aria-label="Locked"' in draw('{% icon "lock" label="Locked" %}')


def test_a_button_that_brings_a_file_can_be_pressed_again() -> None:
    mark = "data-download"
    assert mark in draw('{% post_button "Get it" "/file/" download=True kind="env" %}')
    assert mark not in draw('{% post_button "Resend" "/resend/" kind="env" %}')


def test_an_icon_that_is_not_in_the_sprite_is_refused() -> None:
    with pytest.raises(TemplateSyntaxError, match="no-such-icon"):
        draw('{% icon "no-such-icon" %}')


@pytest.mark.parametrize(
    ("code", "tone", "word"),
    [
        ("active", "ok", "Active"),
        ("past_due", "warn", "Past due"),
        ("failed", "bad", "Failed"),
        ("processing", "busy", "Processing"),
        ("trialing", "info", "Trialing"),
        ("something_new", "off", "Something new"),
    ],
)
def test_a_state_is_a_dot_and_a_word(code: str, tone: str, word: str) -> None:
    drawn = draw("{% status code %}", code=code)
    assert f'class="pill is-{tone}"' in drawn
    assert drawn.endswith(f"{word}</span>")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{{ amount|money }}", "€1,482.60"),
        ('{{ 1240|money:"EUR" }}', "€12.40"),
        ('{{ 500|money:"JPY" }}', "¥500"),
        ("{{ nothing|money }}", ""),
        ("{{ 1284|number }}", "1,284"),
        ("{{ 0.5|number }}", "0.5"),
        ('{{ "Acme Robotics"|initials }}', "AR"),
        ('{{ "jo@acme.example"|initials }}', "JA"),
        ('{{ "Acme"|initials }}', "AC"),
        ('{{ ""|initials }}', ""),
    ],
)
def test_figures_and_names_are_written_for_people(source: str, written: str) -> None:
    assert draw(source, amount=Money(148260, "EUR"), nothing=None) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (5, "just now"),
        (90, "1 min ago"),
        (3 * 3600, "3 h ago"),
        (50 * 3600, "2 d ago"),
        (-5, "in a moment"),
        (-26 * 3600, "in 1 d"),
    ],
)
def test_distances_in_time_are_short(seconds: int, written: str) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert time_since(now - timedelta(seconds=seconds), now) == written


def test_a_relative_time_carries_the_exact_one() -> None:
    seen = timezone.now() - timedelta(hours=3)
    drawn = draw("{% ago seen %}", seen=seen)
    assert f'datetime="{seen.isoformat()}"' in drawn
    assert f'title="{seen:%-d %b %Y, %H:%M} UTC"' in drawn
    assert draw('{% ago seen never="not yet" %}', seen=None) == "not yet"


def test_a_date_is_shown_as_a_date_and_a_moment_with_its_time() -> None:
    when = datetime(2026, 11, 21, 9, 5, tzinfo=UTC)
    assert ">21 Nov 2026, 09:05 UTC</time>" in draw("{% moment when %}", when=when)
    assert ">21 Nov 2026</time>" in draw("{% moment when time=False %}", when=when)
    assert ">21 Nov 2026</time>" in draw("{% moment when %}", when=date(2026, 11, 21))


def test_a_masked_value_is_copied_in_full() -> None:
    drawn = draw('{% copyable "SWY-SECRET" shown="SWY-…" label="license key" %}')
    assert 'data-copy="SWY-SECRET"' in drawn
    assert ">SWY-…</span>" in drawn
    assert 'aria-label="Copy license key"' in drawn


@pytest.mark.parametrize(
    "source",
    [
        "{% status evil %}",
        "{% copyable evil %}",
        "{% code_block evil %}",
        "{% page_header evil %}{% endpage_header %}",
        "{% card evil evil %}{% endcard %}",
        "{% facts %}{% fact evil %}{{ evil }}{% endfact %}{% endfacts %}",
        "{% stat evil evil detail=evil %}",
        "{% breadcrumbs evil evil evil %}",
        "{% button evil value=evil %}",
        "{% link_button evil evil %}",
        "{% post_button evil evil name=evil %}",
        "{% menu evil %}{% menu_link evil evil %}{% endmenu %}",
        "{% event evil by=evil %}",
        "{% notice title=evil %}{{ evil }}{% endnotice %}",
        "{% tab evil evil %}",
        "{% hidden evil evil %}",
        "{% table evil %}{% th evil %}{% endtable %}",
        "{% check_row evil evil %}",
        "{% search_field evil %}",
        "{% step evil text=evil %}",
        "{% meter 5 10 label=evil %}",
    ],
)
def test_what_customers_write_is_escaped(source: str) -> None:
    evil = '"><script>alert(1)</script>'
    drawn = draw(source, address="/x/?q=%22%3E%3Cscript%3E", evil=evil)
    assert "<script" not in drawn
    assert '">&lt;' not in drawn.replace('"&gt;', "")


def test_a_button_gets_attributes_from_keywords() -> None:
    drawn = draw('{% button "Save" tone="primary" hx_post="/x/" disabled=True name="go" %}')
    assert 'class="btn btn-primary"' in drawn
    assert 'hx-post="/x/"' in drawn
    assert " disabled" in drawn


def test_a_confirm_button_is_also_a_plain_link() -> None:
    drawn = draw('{% dialog_button "Deactivate" "/devices/1/deactivate/" %}')
    assert 'href="/devices/1/deactivate/"' in drawn
    assert 'hx-target="#dialog-body"' in drawn


def test_breadcrumbs_end_with_a_label() -> None:
    assert 'aria-current="page">Vision' in draw(
        '{% breadcrumbs "Licenses" "/licenses/" "Vision" %}'
    )
    with pytest.raises(TemplateSyntaxError):
        draw('{% breadcrumbs "Licenses" "/licenses/" %}')


def test_a_query_string_keeps_what_it_does_not_change() -> None:
    drawn = draw('{% qs page=None sort="name" %}', address="/x/?q=a%26b&page=3&sort=-name")
    assert drawn == "?q=a%26b&amp;sort=name"


@pytest.mark.parametrize(
    ("sort", "announced", "next_sort"),
    [("", "none", "name"), ("name", "ascending", "-name"), ("-name", "descending", "name")],
)
def test_a_sorted_column_says_so_and_turns_round(sort: str, announced: str, next_sort: str) -> None:
    drawn = draw('{% sort_th "name" "Name" %}', address=f"/x/?sort={sort}&page=4")
    assert f'aria-sort="{announced}"' in drawn
    assert f"sort={next_sort}" in drawn
    assert "page=" not in drawn


def test_filters_survive_parameters_named_like_arguments() -> None:
    drawn = draw(
        '{% filters "Filter" %}{% endfilters %}', address="/x/?context=1&status=paid&page=2"
    )
    assert 'name="status" value="paid"' in drawn
    assert 'href="/x/?status=paid"' in drawn


def test_columns_are_chosen_beside_the_form_and_only_with_javascript() -> None:
    drawn = draw('{% filters "Filter" %}{% endfilters %}')
    form, _, after = drawn.partition("</form>")
    assert "data-columns" not in form  # a box that is ticked in the form would fetch the list
    assert '<div class="columns js-only" data-columns hidden>' in after


def test_a_link_cannot_prepare_a_bulk_action() -> None:
    drawn = draw(
        '{% bulk_form "/x/bulk/" %}{% endbulk_form %}',
        address="/x/?q=edge&all=1&ids=7&action=delete",
    )
    assert 'name="q" value="edge"' in drawn
    for name in ("all", "ids", "action"):
        assert f'name="{name}"' not in drawn


def test_pages_are_numbered_and_the_current_one_is_named() -> None:
    page = Paginator(range(1284), 25).page(3)
    drawn = draw('{% pagination page "licenses" %}', address="/x/?q=a&page=3", page=page)
    assert "51 to 75 of 1,284 licenses" in drawn
    assert 'aria-label="Page 3" aria-current="page"' in drawn
    assert 'rel="next"' in drawn
    assert "q=a&amp;page=4" in drawn


def test_one_page_needs_no_page_links() -> None:
    assert "<nav" not in draw("{% pagination page %}", page=Paginator([1], 25).page(1))


@pytest.mark.parametrize(
    ("used", "limit", "tone"), [(10, 50, "ok"), (41, 50, "warn"), (50, 50, "bad"), (60, 50, "bad")]
)
def test_a_meter_warns_before_it_is_full(used: int, limit: int, tone: str) -> None:
    drawn = draw("{% usage used limit 'seats' %}", used=used, limit=limit)
    assert f'class="meter is-{tone}"' in drawn
    assert f"of {limit} seats" in drawn


def test_a_spark_of_equal_or_too_few_values_does_not_break() -> None:
    assert "<polyline" in draw("{% spark values %}", values=[3, 3, 3])
    assert draw("{% spark values %}", values=[3]) == ""


def chart(**changes: Any) -> dict[str, Any]:
    day = 86400
    definition = {
        "x": [1795132800, 1795132800 + day],
        "kind": "bar",
        "unit": "money:EUR",
        "series": [{"label": "Spend", "values": [1240, None], "total": "€12.40"}],
    }
    return definition | changes


def test_a_chart_says_the_same_in_a_sentence_and_a_table() -> None:
    drawn = draw('{% chart "spend" definition summary="€12.40 in 2 days." %}', definition=chart())
    assert 'role="img" aria-label="€12.40 in 2 days.' in drawn
    assert '<script id="spend-data" type="application/json">' in drawn
    assert ">€12.40</td>" in drawn
    assert ">no data</td>" in drawn
    assert "20 Nov 2026" in drawn


def test_the_table_of_a_chart_is_taken_away_as_csv() -> None:
    drawn = draw('{% chart "spend" definition summary="x" period="Month" %}', definition=chart())
    found = re.search('href="data:text/csv;charset=utf-8,([^"]+)"[^>]* download="spend.csv"', drawn)
    assert found
    lines = unquote(found[1]).removeprefix("\ufeff").splitlines()
    assert lines[0] == "Month,Spend (EUR)"
    assert [line.partition(",")[2] for line in lines[1:]] == ["12.40", ""]
    assert lines[1].startswith("2026-11-20")


def test_a_chart_writes_its_days_as_its_reader_does() -> None:
    for shown in (chart(), chart(x=[1795132800, 1795136400])):
        with context.acting(locale="de"):
            drawn = draw('{% chart "spend" definition summary="x" %}', definition=shown)
        assert "20.11.2026" in drawn
        assert "20 Nov 2026" not in drawn


def test_a_chart_of_too_many_points_is_refused() -> None:
    endless = chart(x=list(range(721)), series=[{"label": "a", "values": [0] * 721}])
    with pytest.raises(TemplateSyntaxError, match="720"):
        draw('{% chart "x" definition summary="x" %}', definition=endless)


def test_a_live_region_stops_asking_when_it_is_stable() -> None:
    source = '{% live "state" url="/state/" active=busy %}x{% endlive %}'
    assert "hx-get" in draw(source, busy=True)
    assert "hx-get" not in draw(source, busy=False)


def test_a_live_region_asks_with_a_mark_of_what_it_shows() -> None:
    def asks(content: str, url: str = "/state/") -> str:
        drawn = draw("{% live 'x' url=url %}" + content + "{% endlive %}", url=url)
        found = re.search('hx-get="([^"]+)"', drawn)
        assert found
        return found[1]

    assert re.fullmatch("/state/[?]shown=[0-9a-f]{16}", asks("1 of 2"))
    assert asks("1 of 2") == asks("1 of 2")
    assert asks("1 of 2") != asks("2 of 2")
    assert asks("x", "/state/?version=3").startswith("/state/?version=3&amp;shown=")
    older = '<time datetime="2026-01-01" title="1 d ago">1 d ago</time>'
    assert asks(older) == asks(older.replace("1 d", "2 d"))
    assert asks(older) != asks(older.replace("01-01", "01-02"))


def test_an_empty_page_header_has_no_empty_box() -> None:
    assert "buttons" not in draw('{% page_header "Licenses" %}\n  {% endpage_header %}')


class SampleForm(forms.Form):
    email = forms.EmailField(help_text="We send the invoice there.")
    note = forms.CharField(
        required=False, widget=forms.TextInput(attrs={"placeholder": "Your note"})
    )
    plan = forms.ChoiceField(choices=[("a", "Monthly")], widget=forms.RadioSelect)
    terms = forms.BooleanField(label="I accept the terms")


def test_a_field_is_linked_to_its_label_hint_and_error() -> None:
    drawn = str(SampleForm({"email": "no"}))
    assert '<label class="form-label" for="id_email">' in drawn
    assert 'aria-describedby="id_email_helptext id_email_error"' in drawn
    assert 'id="id_email_error"' in drawn
    assert 'id="id_email_helptext"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert 'autocomplete="email"' in drawn


def test_optional_fields_say_so_and_a_placeholder_does_not_repeat_the_label() -> None:
    drawn = str(SampleForm())
    assert drawn.count(">optional<") == 1
    assert "placeholder" not in drawn


def test_groups_of_choices_have_a_legend_and_a_checkbox_its_label_beside_it() -> None:
    drawn = str(SampleForm({}))
    assert "<legend>Plan</legend>" in drawn
    assert '<label class="check" for="id_terms">' in drawn


def test_a_confirm_form_is_a_page_for_a_browser_and_a_fragment_for_the_dialog() -> None:
    source = (
        '{% confirm "Delete?" action="/x/" submit="Delete" cancel_url="/" %}Gone.{% endconfirm %}'
    )
    page = draw(source)
    assert "<h1>Delete?</h1>" in page
    assert "hx-post" not in page
    request = RequestFactory().get("/x/")
    request.htmx = True  # type: ignore[attr-defined]
    fragment = Template(source).render(Context({"request": request}))
    assert "<h2>Delete?</h2>" in fragment
    assert 'hx-target="#dialog-body"' in fragment
