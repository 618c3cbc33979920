//! Calls in the tags of Qwen3-Coder whose last value nothing closes: which they are, and what stays text.

use crate::pivot_tags::{ended, qwen, said, told};

/// Qwen3-Coder at times leaves the last `</parameter>` out.
#[test]
fn a_last_value_that_nothing_closes_ends_with_its_call() {
    let open = "<function=write>\n<parameter=path>\na < </b>\n</function>";
    let call = r#"write {"path":"a < </b>"}"#;
    let two = "<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n<parameter=lines>\n1\n</function>\n</tool_call>";
    let closed = qwen(&[("path", "b")]);
    let cases = [
        (open.to_owned(), vec![call]),
        (format!("<tool_call>\n{open}\n</tool_call>\n"), vec![call]),
        (format!("{open}\n</tool_call>"), vec![call]),
        (
            "<tool_call><function=write><parameter=path>a</function></tool_call>".to_owned(),
            vec![r#"write {"path":"a"}"#],
        ),
        (two.to_owned(), vec![r#"write {"path":"a","lines":1}"#]),
        (format!("So:\n{closed}\n{open}"), vec!["So:\n", r#"write {"path":"b"}"#, call]),
        (format!("{open}\n</tool_call>\nSo much."), vec![call, "\nSo much."]),
    ];
    for (text, expected) in cases {
        assert_eq!(said(&told(&text)), expected, "{text}");
    }
    for text in [
        // The value may be meant to hold what stands for its end.
        format!("{open}</function>"),
        format!("{open}\n{open}"),
        format!("{open} or </parameter>"),
        "<function=write>\n<parameter=path>\na\n<parameter=lines>\n1\n</function>".to_owned(),
        // The value goes on behind what would be its end, which it only quotes: with other markup, with a text, at the end
        // of a code block, and with a call.
        "<function=write>\n<parameter=lines>\n<root>\n<function>f</function>\n<b/>\n</root>".to_owned(),
        "<function=write>\n<parameter=path>\nclose it with </function>\nand then\nrm -rf".to_owned(),
        format!("{open}\n```\nThat is how a call looks."),
        "<function=write>\n<parameter=path>\nuse </function> then\n<tool_call>{\"name\":\"write\",\"arguments\":{}}</tool_call>"
            .to_owned(),
        // In the middle of a text, and where no reader takes such a call.
        format!("One writes {open} for that."),
        format!("{open} is a call."),
        "<tool_call>write\n<arg_key>path</arg_key>\n<arg_value>a\n</tool_call>".to_owned(),
        open.replace("write", "delete"),
    ] {
        assert_eq!(said(&told(&text)), [text.as_str()]);
    }
}

/// An answer that just ends may have been cut in the middle of the value.
#[test]
fn a_value_that_nothing_closes_needs_an_upstream_that_says_the_answer_is_whole() {
    let open = "<function=write>\n<parameter=path>\na\n</function>";
    let closed = qwen(&[("path", "a")]);
    let call = r#"write {"path":"a"}"#;
    for (reason, expected) in [
        (Some("stop"), call),
        (Some("tool_calls"), call),
        (None, open),
        (Some("whatever"), open),
        (Some("length"), open),
    ] {
        assert_eq!(said(&ended(open, 7, reason)), [expected], "{reason:?}");
    }
    assert_eq!(said(&ended(&closed, 7, None)), [call], "what is closed is whole");
}
