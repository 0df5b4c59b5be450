//! Times as a ztoc has them: RFC 3339, with a fraction where there is one.

use crate::view::human::{civil_from_days, time_exact};

/// Go writes no year after this one, and a text of no time then.
const LAST_YEAR_S: i64 = 253_402_300_800;
/// Nor one before year 0.
const FIRST_YEAR_S: i64 = -62_167_219_200;

/// As Go's `time.RFC3339Nano` in UTC; nothing for a year of other than four digits.
pub(super) fn format(seconds: i64, nanos: u32) -> String {
    if !(FIRST_YEAR_S..LAST_YEAR_S).contains(&seconds) {
        return String::new();
    }
    let mut text = time_exact(seconds);
    if nanos > 0 {
        text.pop();
        let fraction = format!(".{nanos:09}");
        text.push_str(fraction.trim_end_matches('0'));
        text.push('Z');
    }
    text
}

/// Seconds since 1970-01-01 UTC, rounded down, and nanoseconds.
pub(crate) fn parse(text: &[u8]) -> Option<(i64, u32)> {
    let (date, rest) = text.split_at_checked(19)?;
    let number = |at: usize, len: usize| -> Option<i64> {
        let digits = date.get(at..at + len)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !shape.iter().all(|(at, sign)| date.get(*at) == Some(sign)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let days = days_from_civil(year, month, day)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds - zone_seconds(zone)?, nanos))
}

/// The nanoseconds, and what is after them.
fn fraction(rest: &[u8]) -> Option<(u32, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, zone) = digits.split_at(len);
    if digits.is_empty() || len > 9 {
        return None;
    }
    let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanos = padded.fold(0, |sum: u32, digit| sum * 10 + u32::from(digit - b'0'));
    Some((nanos, zone))
}

/// How far a zone is ahead of UTC.
fn zone_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, h1, h2, m1, m2) = match zone {
        b"Z" => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, h1, h2, m1, m2),
        [b'-', h1, h2, b':', m1, m2] => (-1, h1, h2, m1, m2),
        _ => return None,
    };
    let two = |a: &u8, b: &u8| {
        let digits = a.is_ascii_digit() && b.is_ascii_digit();
        digits.then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days since 1970-01-01; none if there is no such day.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counted from 1 March of year 0, so that a leap day ends a year.
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let era = year_from_march.div_euclid(400);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    // The 30th of February and the like come back as another day.
    (civil_from_days(days) == (year, month as u32, day as u32)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(i64, u32)>) {
        assert_eq!(parse(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn times_from_elsewhere() {
        check("1970-01-01T00:00:00Z", Some((0, 0)));
        check("1970-01-01T00:00:00.5Z", Some((0, 500_000_000)));
        check("1969-12-31T23:59:59.999999999Z", Some((-1, 999_999_999)));
        check("2024-02-29T12:00:00+01:30", Some((1_709_202_600, 0)));
        check("2024-02-29T12:00:00-01:30", Some((1_709_213_400, 0)));
        check("0001-01-01T00:00:00Z", Some((-62_135_596_800, 0)));
        check("2023-02-29T12:00:00Z", None);
        check("2024-13-01T12:00:00Z", None);
        check("2024-01-01 12:00:00Z", None);
        check("2024-01-01T24:00:00Z", None);
        check("2024-01-01T12:00:00", None);
        check("2024-01-01T12:00:00.Z", None);
        check("2024-01-01T12:00:00.1234567890Z", None);
        check("2024-01-01T12:00:00+1:00", None);
        check("+024-01-01T12:00:00Z", None);
        check("", None);
    }

    #[test]
    fn times_come_back() {
        for seconds in [FIRST_YEAR_S, -1, 0, 1_709_202_600, LAST_YEAR_S - 1] {
            for nanos in [0, 1, 120_000_000, 999_999_999] {
                check(&format(seconds, nanos), Some((seconds, nanos)));
            }
        }
        for day in (-719_528..2_932_896).step_by(37) {
            check(&format(day * 86_400, 0), Some((day * 86_400, 0)));
        }
        assert_eq!(format(LAST_YEAR_S, 0), "");
        assert_eq!(format(FIRST_YEAR_S - 1, 0), "");
    }
}
