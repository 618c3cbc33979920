//! Every stream fixture: what the client gets equals the golden file, however the bytes arrive.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::relay::relay;

#[test]
fn each_dialect_is_relayed_as_its_golden_file_says() {
    for fixture in fixtures() {
        let relayed = relay([fixture.stream.as_slice()]).to_golden();
        assert!(relayed == fixture.golden, "{} gives:\n{relayed}", fixture.path.display());
    }
}

#[test]
fn a_stream_fed_one_byte_at_a_time_is_the_same_stream() {
    for fixture in fixtures() {
        assert_eq!(relay(fixture.stream.chunks(1)).to_golden(), fixture.golden, "{}", fixture.path.display());
    }
}

#[test]
fn a_stream_with_other_line_ends_and_a_byte_order_mark_is_the_same_stream() {
    for fixture in fixtures() {
        let text = String::from_utf8(fixture.stream).unwrap();
        for line_end in ["\r\n", "\r"] {
            let stream = format!("\u{feff}{}", text.replace('\n', line_end));
            assert_eq!(relay([stream.as_bytes()]).to_golden(), fixture.golden, "{}", fixture.path.display());
            assert_eq!(relay(stream.as_bytes().chunks(1)).to_golden(), fixture.golden);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, fork: false, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_cut_anywhere_into_chunks_is_the_same_stream(cuts in proptest::collection::vec(0.0..1.0f64, 0..40)) {
        for fixture in fixtures() {
            let chunks = split(&fixture.stream, &cuts);
            prop_assert_eq!(relay(chunks).to_golden(), fixture.golden, "{}", fixture.path.display());
        }
    }
}

/// Any prefix of a good stream that lacks a finish reason is a cut one: no truncation looks like a success.
#[test]
fn no_prefix_of_a_stream_passes_for_the_whole() {
    for fixture in fixtures() {
        let text = String::from_utf8(fixture.stream).unwrap();
        let whole = relay([text.as_bytes()]);
        for (end, _) in text.char_indices() {
            let part = relay([&text.as_bytes()[..end]]);
            if part.end == wire::chat::End::Complete {
                assert_eq!(part.tally.relayed_bytes, whole.tally.relayed_bytes, "{}", fixture.path.display());
                assert_eq!(part.tally.finish_reason, whole.tally.finish_reason);
            }
        }
    }
}

struct Fixture {
    path: PathBuf,
    stream: Vec<u8>,
    golden: String,
}

fn fixtures() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/streams");
    let mut fixtures = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sse") {
            let stream = fs::read(&path).unwrap();
            let golden = fs::read_to_string(path.with_extension("golden")).unwrap_or_default();
            fixtures.push(Fixture { path, stream, golden });
        }
    }
    assert_eq!(fixtures.len(), 16, "a fixture is missing, or this number is old");
    fixtures
}

/// Cuts `bytes` at fractions of its length.
fn split<'a>(bytes: &'a [u8], cuts: &[f64]) -> Vec<&'a [u8]> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a fraction of a length is one"
    )]
    let mut at: Vec<usize> = cuts.iter().map(|cut| (bytes.len() as f64 * cut) as usize).collect();
    at.push(bytes.len());
    at.sort_unstable();
    let mut start = 0;
    at.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}
