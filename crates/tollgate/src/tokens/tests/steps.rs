//! Tokenizers that would take all memory, or all time, are refused or give no count.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{NOW_MS, files};
use crate::clock::Clock;
use crate::tokens::files::TokenizerFiles;
use crate::tokens::steps::{CHUNK_BYTES, NORMALIZED_BYTES_MAX, REPLACEMENT_BYTES_MAX, STEPS_MAX};
use crate::tokens::tokenizer::ModelTokenizer;

/// The fixture's tokenizer with other parts.
fn with(parts: &Value) -> Result<ModelTokenizer, String> {
    let mut json: Value = serde_json::from_slice(&files().tokenizer).unwrap();
    for (name, part) in parts.as_object().unwrap() {
        json[name] = part.clone();
    }
    let files = TokenizerFiles { tokenizer: Bytes::from(json.to_string()), ..files() };
    ModelTokenizer::load(&files, &Clock::Manual(Arc::new(NOW_MS.into())))
}

fn tokens(tokenizer: &ModelTokenizer, text: &str) -> Option<u64> {
    tokenizer.count_texts(&[text]).map(|counts| counts[0])
}

fn replace(pattern: &Value, content: &str) -> Value {
    json!({ "type": "Replace", "pattern": pattern, "content": content })
}

fn sequence(steps: &[Value]) -> Value {
    json!({ "type": "Sequence", "normalizers": steps })
}

/// A table of `SentencePiece` without a tree, with one entry of that length.
fn table(bytes: usize) -> Value {
    let table = [&4_u32.to_le_bytes()[..], &[0; 4], &vec![b'x'; bytes], &[0]].concat();
    json!({ "type": "Precompiled", "precompiled_charsmap": STANDARD.encode(table) })
}

#[test]
fn what_a_file_puts_into_a_text_is_short() {
    let e = json!({ "String": "e" });
    let fits = "x".repeat(REPLACEMENT_BYTES_MAX);
    let long = format!("{fits}x");
    let pre = |steps: Vec<Value>| json!({ "type": "Sequence", "pretokenizers": steps });
    let byte_level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true });
    let digits = json!({ "type": "Digits", "individual_digits": true });
    let nothing = json!({ "type": "Lowercase" });
    for (part, step, loads) in [
        ("normalizer", replace(&e, &fits), true),
        ("normalizer", replace(&e, &long), false),
        ("normalizer", replace(&json!({ "Regex": "" }), &"x".repeat(1 << 20)), false),
        ("normalizer", json!({ "pattern": e, "content": long }), false),
        ("normalizer", json!({ "type": "Prepend", "prepend": fits }), true),
        ("normalizer", json!({ "type": "Prepend", "prepend": long }), false),
        ("normalizer", json!({ "prepend": long }), false),
        ("normalizer", table(REPLACEMENT_BYTES_MAX), true),
        ("normalizer", table(REPLACEMENT_BYTES_MAX + 1), false),
        ("normalizer", sequence(&[nothing.clone(), sequence(&[replace(&e, &long)])]), false),
        ("normalizer", sequence(&vec![nothing.clone(); STEPS_MAX]), true),
        ("normalizer", sequence(&vec![nothing; STEPS_MAX + 1]), false),
        ("pre_tokenizer", pre(vec![digits.clone(), byte_level.clone()]), true),
        ("pre_tokenizer", pre(vec![byte_level.clone(), pre(vec![byte_level; 2])]), false),
        ("pre_tokenizer", pre(vec![digits; STEPS_MAX + 1]), false),
    ] {
        let loaded = with(&json!({ part: step }));
        let text = step.to_string();
        assert_eq!(loaded.is_ok(), loads, "{} {:?}", &text[..text.len().min(200)], loaded.err());
    }
}

#[test]
fn a_text_that_grows_all_the_same_is_not_counted() {
    let e = json!({ "String": "e" });
    let doubling = json!({ "type": "ByteLevel" });
    let whole = "e".repeat(CHUNK_BYTES);
    for (step, text, counted) in [
        (replace(&e, "xxxx"), whole.as_str(), true),
        (replace(&e, "xxxxx"), &whole, false),
        (sequence(&vec![replace(&e, "eeeeeeee"); 40]), "e", false),
        (sequence(&vec![doubling; 40]), "é", false),
    ] {
        let tokenizer = with(&json!({ "normalizer": step })).unwrap();
        assert_eq!(tokens(&tokenizer, text).is_some(), counted, "{step}");
        assert!(tokens(&tokenizer, "a").is_some(), "{step}");
    }
    // A word of the file's own is normalized when it loads.
    let word = json!({ "id": 0, "content": "e".repeat(NORMALIZED_BYTES_MAX + 1), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": true, "special": false });
    assert!(with(&json!({ "normalizer": replace(&e, "x"), "added_tokens": [word] })).is_err());
}

/// What stands around a text is the template's, and is not repeated for it.
#[test]
fn the_file_cannot_repeat_a_text() {
    let piece = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let processor = json!({ "type": "TemplateProcessing", "single": vec![piece.clone(); 1000], "pair": [piece.clone(), piece],
        "special_tokens": {} });
    let tokenizer = with(&json!({ "post_processor": processor })).unwrap();
    let plain = with(&json!({ "post_processor": null })).unwrap();
    assert_eq!(tokens(&tokenizer, "Hello there"), tokens(&plain, "Hello there"));
}

/// The library gives a regular expression up after a million steps.
#[test]
fn a_regular_expression_that_never_ends_is_given_up() {
    let regex = json!({ "Regex": "(?=(x+x+)+y)z" });
    let split = json!({ "type": "Split", "pattern": regex, "behavior": "Isolated", "invert": false });
    let pre = json!({ "type": "Sequence", "pretokenizers": [split, { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true }] });
    let tokenizer = with(&json!({ "pre_tokenizer": pre, "normalizer": replace(&regex, "") })).unwrap();
    assert!(tokens(&tokenizer, &"x".repeat(2_000)).is_some());
}

/// Nobody waits for a count that took too long, so that it ends with the piece that it is at.
#[test]
fn a_count_ends_when_its_time_is_over() {
    let tokenizer = with(&json!({})).unwrap();
    let now_ns = u64::try_from(NOW_MS).unwrap() * 1_000_000;
    assert!(tokenizer.count("Hello", now_ns).is_some());
    assert_eq!(tokenizer.count("Hello", now_ns - 1), None);
}

#[test]
fn a_model_that_takes_its_time_on_every_word_is_refused() {
    let vocab = json!({ "[UNK]": 0, "a": 1 });
    let piece = |prefix: &str, chars: usize| {
        json!({ "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": prefix,
            "max_input_chars_per_word": chars, "vocab": vocab })
    };
    let pairs = |suffix: &str| json!({ "type": "BPE", "vocab": vocab, "merges": [], "end_of_word_suffix": suffix, "unk_token": "[UNK]" });
    let long = "x".repeat(REPLACEMENT_BYTES_MAX + 1);
    for (model, loads) in [
        (piece("##", 100), true),
        (piece(&long, 100), false),
        (piece("##", 1 << 20), false),
        (pairs("</w>"), true),
        (pairs(&long), false),
    ] {
        assert_eq!(with(&json!({ "model": model, "added_tokens": [] })).is_ok(), loads, "{model}");
    }
}
