"""The table of errors is that of the code."""

from tests.python import error_texts
from tests.python.error_texts import Text


def test_every_error_of_the_code_has_its_row() -> None:
    shown = [(text.module, text.template) for text in error_texts.read()]
    assert shown == [(text.module, text.template) for text in error_texts.templates()], (
        "after the tests that provoke it, run what tests/python/error_texts.py says"
    )
    assert error_texts.PAGE.read_text() == error_texts.page(error_texts.read())


def test_what_was_seen_is_found_by_its_template() -> None:
    does_not_exist = "… does not exist."
    template = next(t for t in error_texts.templates() if t.template == does_not_exist)
    said = template.template.replace("…", "x")
    raised = {
        "module": template.module,
        "said": said,
        "hint": "Wait.",
        "code": 2,
        "test": "t",
    }
    printed = raised | {"module": "", "said": f"landing …\n{said}\nWait.", "hint": ""}
    elsewhere = raised | {"module": "lock"}
    for noted, found in ((raised, True), (printed, True), (elsewhere, False)):
        text = error_texts.as_seen(template, [noted])
        expected = Text(template.module, template.template, said, "Wait.", 2, "t")
        assert text == (expected if found else template)
