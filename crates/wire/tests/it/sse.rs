//! The decoder against the format's rules, and against the frames that we send.

use bytes::Bytes;
use proptest::prelude::*;
use wire::sse::{self, Decoder, Event, SseError};

#[test]
fn events_are_cut_as_the_format_says() {
    let table: [(&str, &[&str]); 18] = [
        ("data: a\n\n", &["a"]),
        ("data:a\n\n", &["a"]),
        ("data:  a\n\n", &[" a"]),
        ("data: a\r\n\r\n", &["a"]),
        ("data: a\r\r", &["a"]),
        ("data: a\n\r\ndata: b\r\n\n", &["a", "b"]),
        ("data: a\ndata: b\n\n", &["a\nb"]),
        ("data: a\ndata\ndata:\n\n", &["a\n\n"]),
        ("\u{feff}data: a\n\n", &["a"]),
        ("data: \u{feff}a\n\n", &["\u{feff}a"]),
        (": comment\n\n:\n\ndata: a\n\n", &["a"]),
        ("\n\n\ndata: a\n\n\n\n", &["a"]),
        ("data:\n\ndata: \n\ndata\n\n", &[]),
        ("event: ping\n\n", &[]),
        ("id: 7\nretry: 3\ndata: a\n\n", &["a"]),
        ("database: a\ndat: b\n data: c\n\n", &[]),
        ("data: a", &["a"]),
        ("data: a\n", &["a"]),
    ];
    for (stream, expected) in table {
        let events: Vec<String> =
            decode([stream.as_bytes()]).into_iter().map(|event| text(&event.data)).collect();
        assert_eq!(events, expected, "{stream:?}");
    }
}

#[test]
fn an_event_has_its_own_name_only() {
    let events = decode([b"event: error\ndata: a\n\ndata: b\n\nevent:x\n\ndata: c\n\n".as_slice()]);
    let names: Vec<Option<String>> =
        events.iter().map(|event| event.name.as_ref().map(|name| text(name))).collect();
    assert_eq!(names, [Some("error".to_owned()), None, None]);
}

#[test]
fn data_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: first\n\ndata: second\n\n");
    let mut decoder = Decoder::new(64);
    decoder.feed(chunk.clone());
    for start in [6, 19] {
        let event = decoder.next_event().unwrap().unwrap();
        assert_eq!(event.data.as_ptr(), chunk[start..].as_ptr());
    }
}

#[test]
fn an_event_larger_than_the_limit_ends_the_stream() {
    let too_large = SseError::EventTooLarge { event_bytes_max: 16 };
    for stream in [
        "data: 0123456789\ndata: 0123456789\n\n",
        "data: 01234567890123456789\n\n",
        "event: 01234567890123456789",
    ] {
        for step in [1, 7, 64] {
            let mut decoder = Decoder::new(16);
            let read: Vec<_> = (stream.as_bytes().chunks(step))
                .map(|chunk| {
                    decoder.feed(Bytes::copy_from_slice(chunk));
                    decoder.next_event()
                })
                .collect();
            assert!(read.iter().all(|read| matches!(read, Ok(None) | Err(_))), "{read:?}");
            assert_eq!(read.last(), Some(&Err(too_large)), "{stream:?} by {step}");
            assert_eq!(decoder.finish(), Err(too_large));
        }
    }
}

#[test]
fn endless_comments_and_blank_lines_are_no_event() {
    let mut decoder = Decoder::new(16);
    for _ in 0..10_000 {
        decoder.feed(Bytes::from_static(b": still here\n\n"));
        assert_eq!(decoder.next_event(), Ok(None));
    }
}

#[test]
fn a_frame_cannot_hold_a_second_event() {
    let frame = sse::frame(b"{\"a\":\n1}\n\ndata: [DONE]\r\n\r\n");
    assert_eq!(text(&frame), "data: {\"a\": 1}  data: [DONE]    \n\n");
    assert_eq!(decode([&frame[..]]).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { fork: false, ..ProptestConfig::default() })]

    #[test]
    fn any_chunks_of_any_bytes_give_the_same_events(
        bytes in hostile_stream(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.push(bytes.len());
        at.sort_unstable();
        let mut start = 0;
        let chunks = at.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]);
        prop_assert_eq!(decode(chunks), decode([bytes.as_slice()]));
    }

    #[test]
    fn what_is_framed_is_decoded_again(texts in proptest::collection::vec("[^\r\n]{1,40}", 0..10)) {
        let stream: Vec<u8> = texts.iter().flat_map(|text| sse::frame(text.as_bytes())).collect();
        let decoded: Vec<String> = decode([stream.as_slice()]).iter().map(|event| text(&event.data)).collect();
        prop_assert_eq!(decoded, texts);
    }
}

/// Bytes that often mean something in this format.
fn hostile_stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"data:".to_vec()),
        Just(b"data: x".to_vec()),
        Just(b"event: y".to_vec()),
        Just(b":".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat())
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut decoder = Decoder::new(1 << 20);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.feed(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next_event().unwrap() {
            events.push(event);
        }
    }
    events.extend(decoder.finish().unwrap());
    assert_eq!(decoder.finish(), Ok(None));
    events
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
