//! What templates have of Python.

use minijinja::value::{Kwargs, Value};

use crate::tokens::python::{strftime, tojson};

#[test]
fn json_is_laid_out_as_python_does() {
    let value: Value =
        serde_json::from_str(r#"{"z":[1,2.5,{}],"a":{"b":[],"c":null},"t":"é\n\"<"}"#).unwrap();
    let one_line = "{\"z\": [1, 2.5, {}], \"a\": {\"b\": [], \"c\": null}, \"t\": \"é\\n\\\"<\"}";
    let lines = "{\n  \"z\": [\n    1,\n    2.5,\n    {}\n  ],\n  \"a\": {\n    \"b\": [],\n    \"c\": null\n  },\n  \"t\": \"é\\n\\\"<\"\n}";
    for (indent, expected) in [(None, one_line), (Some(2_u64), lines)] {
        let arguments = [("ensure_ascii", Value::from(false))].into_iter();
        let arguments = arguments.chain(indent.map(|indent| ("indent", Value::from(indent))));
        assert_eq!(tojson(&value, &arguments.collect()).unwrap().as_str(), Some(expected));
    }
    let unknown: Kwargs = [("unknown", Value::from(1))].into_iter().collect();
    assert!(tojson(&value, &unknown).is_err());
}

#[test]
fn dates_are_written_as_python_does() {
    // Made with datetime.strftime.
    for (now_ms, format, expected) in [
        (1_772_600_767_000, "%d %b %Y", "04 Mar 2026"),
        (1_772_600_767_000, "%A, %e %B %y %H:%M:%S", "Wednesday,  4 March 26 05:06:07"),
        (1_772_600_767_000, "%F %I %p day %j %% %Q %", "2026-03-04 05 AM day 063 % %Q %"),
        (1_798_761_599_999, "%a %F %I %p %j", "Thu 2026-12-31 11 PM 365"),
        (1_709_164_800_000, "%F %I %p", "2024-02-29 12 AM"),
    ] {
        assert_eq!(strftime(format, now_ms), expected);
    }
}
