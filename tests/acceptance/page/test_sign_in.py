"""The way in."""

from tests.acceptance.conftest import Errand

from .visitor import Visitor


def test_a_wrong_token_says_so_and_the_right_one_leads_on(stranger: Visitor, errand: Errand) -> None:
    """The page that was asked for is the page one gets."""
    stranger.go("/sessions/00000000-0000-4000-8000-000000000000")
    stranger.see("#token").fill("not the token")
    stranger.page.click("button")
    assert "not the token" in stranger.see("#problem:not([hidden])").inner_text()

    stranger.page.fill("#token", f"{errand.url}/#token={errand.token}")
    stranger.page.click("button")
    stranger.see(".not-found")

    assert stranger.run("location.pathname").startswith("/sessions/")
    stranger.wrongs = [wrong for wrong in stranger.wrongs if "401" not in wrong and "404" not in wrong]


def test_the_printed_link_works_once(stranger: Visitor, errand: Errand) -> None:
    """It leads straight to the page; opened elsewhere again, it says that it was used, and what to do."""
    stranger.go(f"/#token={errand.fragment}")
    stranger.see(".example")
    stranger.page.goto("about:blank")
    stranger.context.clear_cookies()

    stranger.go(f"/login#token={errand.fragment}")

    sentence = stranger.see("#problem:not([hidden])").inner_text()
    assert "used already" in sentence
    assert "errand link" in sentence
    stranger.wrongs = [wrong for wrong in stranger.wrongs if "401" not in wrong]


def test_the_printed_url_works_where_the_sign_in_is_open_already(stranger: Visitor, errand: Errand) -> None:
    """Only the fragment changes then, and no page is loaded."""
    stranger.go("/login")
    stranger.see("#token")
    stranger.go(f"/login#token={errand.token}")

    stranger.see(".example")


def test_who_is_signed_out_elsewhere_comes_to_the_sign_in(visitor: Visitor) -> None:
    """The page does not go on as if nothing had happened."""
    visitor.go("/")
    visitor.see(".connection, .example")
    visitor.context.clear_cookies()
    visitor.cut()

    visitor.see("#token")
    visitor.wrongs = [wrong for wrong in visitor.wrongs if "401" not in wrong]
