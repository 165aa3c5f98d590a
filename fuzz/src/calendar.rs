//! The dates of HTTP, written and read by the letter of RFC 9110, section 5.6.7: what the crate is compared with.

/// 9999-12-31T23:59:59Z, the last second that has a date.
pub(crate) const LATEST: u64 = 253_402_300_799;

const DAY: u64 = 86_400;
const DAYS_OF_400_YEARS: u64 = 146_097;
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A second since 1970, taken apart.
struct Date {
    year: u64,
    /// From 0.
    month: usize,
    day: u64,
    /// From 0, which is Monday.
    weekday: usize,
    seconds: u64,
}

impl Date {
    fn of(second: u64) -> Self {
        let mut day = second / DAY;
        let weekday = usize::try_from((day + 3) % 7).unwrap_or_default();
        // The calendar repeats itself every 400 years, days of the week included.
        let mut year = 1970 + day / DAYS_OF_400_YEARS * 400;
        day %= DAYS_OF_400_YEARS;
        while day >= days_of_year(year) {
            day -= days_of_year(year);
            year += 1;
        }
        let mut month = 0;
        while day >= days_of_month(year, month) {
            day -= days_of_month(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: day + 1,
            weekday,
            seconds: second % DAY,
        }
    }

    fn clock(&self) -> String {
        let Self { seconds, .. } = self;
        format!(
            "{:02}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) fn imf_fixdate(second: u64) -> String {
    let date = Date::of(second);
    let Date {
        year,
        month,
        day,
        weekday,
        ..
    } = date;
    let (weekday, month) = (&DAYS[weekday][..3], MONTHS[month]);
    format!("{weekday}, {day:02} {month} {year:04} {} GMT", date.clock())
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc_850(second: u64) -> String {
    let date = Date::of(second);
    let Date {
        year,
        month,
        day,
        weekday,
        ..
    } = date;
    let (weekday, month) = (DAYS[weekday], MONTHS[month]);
    format!(
        "{weekday}, {day:02}-{month}-{:02} {} GMT",
        year % 100,
        date.clock()
    )
}

/// `Sun Nov  6 08:49:37 1994`, and with `06`.
fn asctime(second: u64, pad: char) -> String {
    let date = Date::of(second);
    let Date {
        year,
        month,
        day,
        weekday,
        ..
    } = date;
    let (weekday, month) = (&DAYS[weekday][..3], MONTHS[month]);
    let pad = if day < 10 {
        pad.to_string()
    } else {
        String::new()
    };
    format!("{weekday} {month} {pad}{day} {} {year:04}", date.clock())
}

/// `1994-11-06T08:49:37Z`
pub(crate) fn iso_8601(second: u64) -> String {
    let date = Date::of(second);
    format!(
        "{:04}-{:02}-{:02}T{}Z",
        date.year,
        date.month + 1,
        date.day,
        date.clock()
    )
}

/// The second that a text names; `None` for what is no date of HTTP.
///
/// The digits in it are tried as year, month, day and time, and the result must read the same when it is written again: a
/// day that its month does not have, or the wrong day of the week, is no date.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = &with_blank_before_time(text);
    let month = MONTHS.iter().position(|name| text.contains(name))?;
    let numbers: Vec<u64> = text
        .split(|char: char| !char.is_ascii_digit())
        .filter_map(|digits| digits.parse::<u16>().ok())
        .map(u64::from)
        .collect();
    let &[first, second, third, fourth, last] = numbers.as_slice() else {
        return None;
    };
    // Two digits of a year: 1970 to 2069, as the httpdate crate and most others have it. By RFC 9110 the century
    // moves with the years; nobody has sent such dates for as long as this API exists.
    let century = if second < 70 { 2000 } else { 1900 };
    let candidates = [
        (second, first, [third, fourth, last]),
        (century + second, first, [third, fourth, last]),
        (last, first, [second, third, fourth]),
    ];
    candidates.into_iter().find_map(|(year, day, clock)| {
        let second = second_of(year, month, day, clock)?;
        let spellings = [
            imf_fixdate(second),
            rfc_850(second),
            asctime(second, ' '),
            asctime(second, '0'),
        ];
        spellings
            .iter()
            .any(|spelling| spelling == text)
            .then_some(second)
    })
}

/// The httpdate crate takes anything for the blank between `94` and the time, and so does this.
fn with_blank_before_time(text: &str) -> String {
    let is_rfc_850 = DAYS.iter().any(|day| text.starts_with(day));
    match text.len().checked_sub(" 08:49:37 GMT".len()) {
        Some(blank) if is_rfc_850 && text.is_ascii() => {
            format!("{} {}", &text[..blank], &text[blank + 1..])
        }
        _ => text.to_owned(),
    }
}

fn second_of(year: u64, month: usize, day: u64, [hour, minute, second]: [u64; 3]) -> Option<u64> {
    let is_one = (1970..=9999).contains(&year)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_one {
        return None;
    }
    let cycles = (year - 1970) / 400;
    let years: u64 = (1970 + cycles * 400..year).map(days_of_year).sum();
    let months: u64 = (0..month).map(|month| days_of_month(year, month)).sum();
    let days = cycles * DAYS_OF_400_YEARS + years + months + day - 1;
    Some(days * DAY + hour * 3_600 + minute * 60 + second)
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: usize) -> u64 {
    match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}
