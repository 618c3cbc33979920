//! Times as RFC 3339.

use domain::calendar::{DAY_MS, civil_date, days_from_civil};

/// Milliseconds since the Unix epoch as `2026-01-31T12:00:00.000Z`.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let (year, month, day) = civil_date(ms.div_euclid(DAY_MS));
    let of_day = ms.rem_euclid(DAY_MS);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The milliseconds since the Unix epoch of a time in UTC such as `2026-01-31T12:00:00Z`, with or without milliseconds.
/// `None` for every other text.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (seconds, millis) = text.strip_suffix('Z')?.split_at_checked(19)?;
    let millis = match millis.strip_prefix('.') {
        Some(millis) if millis.len() == 3 => number(millis)?,
        None if millis.is_empty() => 0,
        _ => return None,
    };
    let parts = seconds.as_bytes();
    if [parts[4], parts[7], parts[10], parts[13], parts[16]] != *b"--T::" {
        return None;
    }
    let part = |range: std::ops::Range<usize>| number(seconds.get(range)?);
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19)?);
    let ms = days_from_civil(year, month, day) * DAY_MS
        + hour * 3_600_000
        + minute * 60_000
        + second * 1000
        + millis;
    // What is no date, such as the 30th of February, reads back as another one.
    (rfc3339(ms)[..19] == *seconds).then_some(ms)
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{parse_rfc3339, rfc3339};

    #[test]
    fn times_are_written_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_000_000_000_000, "2001-09-09T01:46:40.000Z"),
            (1_735_689_599_123, "2024-12-31T23:59:59.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
            assert_eq!(parse_rfc3339(text), Some(ms));
        }
    }

    #[test]
    fn every_day_of_five_centuries_follows_the_one_before() {
        let mut before = rfc3339(-86_400_000);
        for day in 0..200_000 {
            let today = rfc3339(day * 86_400_000);
            assert!(today > before, "{before} {today}");
            before = today;
        }
        assert_eq!(before, "2517-07-31T00:00:00.000Z");
    }
}
