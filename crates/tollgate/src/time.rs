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

/// Milliseconds since the Unix epoch of a time such as `2026-01-31T12:00:00Z`, with any offset and any fraction of a
/// second, which is cut to milliseconds. `None` for what is no time, and for leap seconds, which Unix time has not.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?.strip_prefix(['T', 't', ' '])?);
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(rest.get(..8)?, ':', [2, 2, 2])?;
    let (millis, zone) = fraction(rest.get(8..)?)?;
    let days = days_from_civil(year, month, day);
    if civil_date(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_day = (hour * 60 + minute) * 60 + second;
    Some(days * DAY_MS + of_day * 1000 + millis - offset_minutes(zone)? * 60_000)
}

/// Numbers of so many digits each, with `separator` between.
fn fields(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let parts: Vec<&str> = text.split(separator).collect();
    let [one, two, three]: [&str; 3] = parts.try_into().ok()?;
    Some([number(one, digits[0])?, number(two, digits[1])?, number(three, digits[2])?])
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

/// The milliseconds of `.123…`, where it is there, and the rest.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (digits, zone) = rest.split_at(end);
    let first_three = digits.bytes().chain(*b"000").take(3);
    let millis = first_three.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    (!digits.is_empty()).then_some((millis, zone))
}

/// How far east of UTC a time is.
fn offset_minutes(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.strip_prefix('+') {
        Some(rest) => (1, rest),
        None if zone.eq_ignore_ascii_case("z") => return Some(0),
        None => (-1, zone.strip_prefix('-')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::{parse_rfc3339, rfc3339};

    #[test]
    fn times_are_read_with_their_offset_and_to_the_millisecond() {
        for (text, written) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
            ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"),
            ("2026-01-31 12:00:00.1239Z", "2026-01-31T12:00:00.123Z"),
            ("2026-01-31T12:00:00.5+01:30", "2026-01-31T10:30:00.500Z"),
            ("2024-02-29T23:30:00-01:00", "2024-03-01T00:30:00.000Z"),
        ] {
            assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), Some(written), "{text}");
        }
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-00-01T12:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:00:60Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00+1:00",
            "2026-01-31T12:00:00+24:00",
            "+026-01-31T12:00:00Z",
            "2026-01-31T12:00:00ZZ",
            "2026-01-31T12:00:00é",
            "éééééééééééééééééééé",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

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
