//! Times as RFC 3339.

use domain::calendar::{DAY_MS, civil_date};

/// Milliseconds since the Unix epoch as `2026-01-31T12:00:00.000Z`.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let (year, month, day) = civil_date(ms.div_euclid(DAY_MS));
    let of_day = ms.rem_euclid(DAY_MS);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

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
