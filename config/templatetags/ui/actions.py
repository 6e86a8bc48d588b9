"""What a person can press: buttons, menus, forms and the dialogs that are also pages."""

from __future__ import annotations

from typing import Any

from django.forms import BaseForm
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from config.kit.live import marked
from config.templatetags.ui.library import attributes, component, register


@register.simple_tag
def button(
    label: str,
    icon: str = "",
    tone: str = "",
    type: str = "submit",
    size: str = "",
    icon_only: bool = False,
    **extra: Any,
) -> SafeString:
    """Make a button of the form around it; tone is primary, danger, danger-outline, quiet, link.

    {% button "Save" tone="primary" %}  {% button "Suspend" name="action" value="suspend" size="sm" %}
    {% button "Close" icon="x" icon_only=True type="button" data_dialog_close=True %}
    """
    return component(
        "button",
        label=label,
        icon=icon,
        tone=tone,
        type=type,
        size=size,
        icon_only=icon_only,
        attributes=attributes(extra),
    )


@register.simple_tag
def link_button(
    label: str,
    url: str,
    icon: str = "",
    tone: str = "",
    size: str = "",
    icon_only: bool = False,
    **extra: Any,
) -> SafeString:
    """Make a link that looks like a button: {% link_button "New license" url icon="plus" %}"""
    return component(
        "button",
        label=label,
        url=url,
        icon=icon,
        tone=tone,
        size=size,
        icon_only=icon_only,
        attributes=attributes(extra),
    )


@register.simple_tag
def dialog_button(
    label: str, url: str, icon: str = "", tone: str = "", size: str = "", **extra: Any
) -> SafeString:
    """Open a confirm page in the dialog; without JavaScript the page itself opens.

    {% dialog_button "Deactivate" deactivate_url icon="trash" tone="danger-outline" %}
    """
    opening: dict[str, Any] = {"hx_get": url, "hx_target": "#dialog-body", "hx_swap": "innerHTML"}
    opening |= {"hx_push_url": "false", "hx_select": "unset"}
    return link_button(label, url, icon=icon, tone=tone, size=size, **(opening | extra))


@register.simple_tag(takes_context=True)
def post_button(
    context: Context,
    label: str,
    url: str,
    icon: str = "",
    tone: str = "",
    size: str = "",
    download: bool = False,
    **fields: Any,
) -> SafeString:
    """Make a form of one button, for what is safe to do at once; keywords become hidden fields.

    `download` says that a file is the answer, so that the button can be pressed again.

    {% post_button "Resend" resend_url icon="send" email=address.email %}
    """
    return component(
        "post_button",
        label=label,
        url=url,
        icon=icon,
        tone=tone,
        size=size,
        download=download,
        fields=fields,
        csrf_token=context.get("csrf_token"),
    )


@register.simple_tag
def hidden(name: str, value: Any, **extra: Any) -> SafeString:
    """Carry a value in a form: {% hidden "idempotency_key" key %}"""
    return format_html(
        '<input type="hidden" name="{}" value="{}"{}>', name, value, attributes(extra)
    )


@register.simple_block_tag
def menu(
    content: str,
    label: str,
    icon: str = "",
    tone: str = "",
    size: str = "",
    icon_only: bool = False,
) -> SafeString:
    """Fold actions away; opens without JavaScript, closes on Esc.

    {% menu "Power" icon="power" %}{% menu_link "Reboot" url icon="rotate" %}{% endmenu %}
    {% menu device.name|add:" actions" icon="dots-vertical" icon_only=True %}...{% endmenu %}
    """
    return component(
        "menu",
        label=label,
        icon=icon,
        tone=tone,
        size=size,
        icon_only=icon_only,
        content=content,
    )


@register.simple_tag
def menu_link(
    label: str, url: str, icon: str = "", dialog: bool = False, danger: bool = False
) -> SafeString:
    """Make an entry of a menu; `dialog` opens the address as a confirm dialog.

    {% menu_link "Deactivate" url icon="trash" dialog=True danger=True %}
    """
    return component("menu_link", label=label, url=url, icon=icon, dialog=dialog, danger=danger)


@register.simple_tag(takes_context=True)
def menu_post(context: Context, label: str, url: str, icon: str = "") -> SafeString:
    """Make an entry that acts at once, by POST: {% menu_post "Start" url icon="player-play" %}"""
    return component(
        "menu_post", label=label, url=url, icon=icon, csrf_token=context.get("csrf_token")
    )


@register.simple_tag
def menu_divider() -> SafeString:
    """Part the harmless entries of a menu from the others: {% menu_divider %}"""
    return mark_safe('<div class="menu-divider" role="separator"></div>')


@register.simple_block_tag(takes_context=True)
def entry_form(
    context: Context,
    content: str,
    form: BaseForm | None = None,
    action: str = "",
    submit: str = "Save",
    tone: str = "primary",
    cancel_url: str = "",
    redirect: str = "",
    id: str = "",
    **extra: Any,
) -> SafeString:
    """Make a whole POST form: token, errors, fields, what the block adds, and its buttons.

    `redirect` takes allauth's ready-made hidden field.

    {% entry_form form action=url submit="Create key" cancel_url=back %}{% endentry_form %}
    """
    return component(
        "entry_form",
        form=form,
        action=action,
        submit=submit,
        tone=tone,
        cancel_url=cancel_url,
        redirect=redirect,
        id=id,
        content=content,
        csrf_token=context.get("csrf_token"),
        attributes=attributes(extra),
    )


@register.simple_block_tag(takes_context=True)
def confirm(
    context: Context,
    content: str,
    title: str,
    action: str,
    submit: str,
    cancel_url: str,
    tone: str = "danger",
    form: BaseForm | None = None,
) -> SafeString:
    """Ask before something is interrupted or lost; the block states the effect and its cost.

    The template extends components/confirm.html, which is a page for a browser and a fragment
    for the dialog; the view answers 422 with the same template when the form has errors.

    {% confirm "Deactivate this device?" action=url submit="Deactivate" cancel_url=back %}
      <p>It stops working at its next check-in.</p>
    {% endconfirm %}
    """
    in_dialog = bool(getattr(context.get("request"), "htmx", False))
    return component(
        "confirm_form",
        title=title,
        action=action,
        submit=submit,
        cancel_url=cancel_url,
        tone=tone,
        form=form,
        content=content,
        in_dialog=in_dialog,
        csrf_token=context.get("csrf_token"),
    )


@register.simple_block_tag
def live(
    content: str,
    id: str,
    url: str,
    active: bool = True,
    every: str = "2s",
    refresh: bool = False,
) -> SafeString:
    """Ask the server for this region again until it answers with `active` false.

    The address answers with the same region, live tag included. Never put a form inside an active
    one, and give an id to what can have the focus or be unfolded, so that it stays so. `refresh` offers a link to those without JavaScript.

    {% live "device-state" url=state_url active=device.changing every="3s" %}...{% endlive %}
    """
    url = marked(url, content)
    return component(
        "live", id=id, url=url, active=active, every=every, refresh=refresh, content=content
    )
