//! What a server says about time in its header fields.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// The wait that `Retry-After` asks for (RFC 9110, section 10.2.3), from 1 second to 10 minutes.
///
/// N5: a number out of all bounds is the nearer bound, never zero and never years. A date counts from the server's own
/// `Date` where there is one, else from `now`.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER)?;
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits fail to parse for one reason: there are too many.
        value.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(value).ok()?;
        let now = date(headers).unwrap_or(now);
        until.duration_since(now).unwrap_or_default()
    };
    Some(wait.clamp(SHORTEST, LONGEST))
}

/// The server's clock when it answered, in whole seconds (RFC 9110, section 6.6.1).
pub(super) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, DATE)?).ok()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_bounded() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let seconds = |value: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        for (value, expected) in [
            ("0", Some(1)),
            ("1", Some(1)),
            ("30", Some(30)),
            (" 30 ", Some(30)),
            ("600", Some(600)),
            ("601", Some(600)),
            ("18446744073709551615", Some(600)),
            ("18446744073709551616", Some(600)),
            ("99999999999999999999999999999999", Some(600)),
            ("-1", None),
            ("+5", None),
            ("1.5", None),
            ("1e3", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(1)),
            ("Tue, 06 Nov 1984 08:49:37 GMT", Some(1)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(600)),
        ] {
            assert_eq!(seconds(value, None), expected, "{value}");
        }
        let date = Some("Sun, 06 Nov 1994 08:50:17 GMT");
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT", date), Some(20));
        let nonsense = Some("today");
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT", nonsense), Some(60));
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
