//! What chat templates expect of Python: its JSON and its dates.

use std::io::{self, Write};

use domain::calendar::{DAY_MS, civil_date, days_from_civil};
use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Deeper indentation is nobody's.
const INDENT_MAX: usize = 16;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From the weekday of 1970-01-01.
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The filter `tojson` as chat templates have it: `json.dumps` with `ensure_ascii=False`. Its other arguments are taken
/// and change nothing.
pub(super) fn tojson(value: &Value, arguments: &Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    for ignored in ["ensure_ascii", "separators", "sort_keys"] {
        let _: Option<Value> = arguments.get(ignored)?;
    }
    arguments.assert_all_used()?;
    let mut json = Vec::new();
    let layout = Layout { indent: indent.map(|indent| indent.min(INDENT_MAX)), depth: 0, empty: true };
    let unwritable = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    value.serialize(&mut Serializer::with_formatter(&mut json, layout)).map_err(unwritable)?;
    Ok(Value::from(String::from_utf8_lossy(&json).into_owned()))
}

/// The layout of `json.dumps`: a blank after `,` and `:`, or one item per line.
struct Layout {
    indent: Option<usize>,
    depth: usize,
    /// Whether the innermost array or object has no item so far.
    empty: bool,
}

impl Layout {
    fn begin<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.empty = true;
        out.write_all(bracket)
    }

    fn end<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.line(out)?;
        }
        self.empty = false;
        out.write_all(bracket)
    }

    fn item<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.empty = false;
        match (first, self.indent) {
            (true, _) => {}
            (false, Some(_)) => out.write_all(b",")?,
            (false, None) => out.write_all(b", ")?,
        }
        self.line(out)
    }

    fn line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        let Some(indent) = self.indent else { return Ok(()) };
        out.write_all(b"\n")?;
        out.write_all(" ".repeat(indent * self.depth).as_bytes())
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.item(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// `strftime` of a time in milliseconds since the Unix epoch, in UTC, for the fields that templates use. A field that
/// is not known stays as it is written.
pub(super) fn strftime(format: &str, now_ms: i64) -> String {
    let (day, time) = (now_ms.div_euclid(DAY_MS), now_ms.rem_euclid(DAY_MS));
    let (year, month, date) = civil_date(day);
    let (hour, minute, second) = (time / HOUR_MS, time % HOUR_MS / MINUTE_MS, time % MINUTE_MS / 1000);
    let named =
        |names: &'static [&str], at: i64| usize::try_from(at).map_or("", |at| names[at % names.len()]);
    let (month_name, weekday) = (named(&MONTHS, month - 1), named(&WEEKDAYS, day.rem_euclid(7)));
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(next) = rest.next() {
        if next != '%' {
            out.push(next);
            continue;
        }
        let field = rest.next().unwrap_or('%');
        out.push_str(&match field {
            'Y' => year.to_string(),
            'y' => format!("{:02}", year.rem_euclid(100)),
            'm' => format!("{month:02}"),
            'd' => format!("{date:02}"),
            'e' => format!("{date:2}"),
            'B' => month_name.to_owned(),
            'b' => month_name[..3].to_owned(),
            'A' => weekday.to_owned(),
            'a' => weekday[..3].to_owned(),
            'j' => format!("{:03}", day - days_from_civil(year, 1, 1) + 1),
            'H' => format!("{hour:02}"),
            'I' => format!("{:02}", (hour + 11) % 12 + 1),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            'F' => format!("{year}-{month:02}-{date:02}"),
            '%' => "%".to_owned(),
            other => format!("%{other}"),
        });
    }
    out
}
