//! Numbers as people read them: sizes, counts, durations, times. Decimal units throughout, as
//! registries and disks are labelled.

/// Bytes: `0 B`, `999 B`, `1.2 kB`, `62.3 MB`, `1.0 GB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut one, mut unit) = (1000, 0);
    let tenths = |one: u64| u128::from(bytes) * 10 + u128::from(one / 2);
    // 999.95 would be shown as 1000.0.
    while tenths(one) / u128::from(one) >= 10_000 && unit + 1 < UNITS.len() {
        one *= 1000;
        unit += 1;
    }
    let tenths = tenths(one) / u128::from(one);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// The same without a decimal that is 0: for limits, which are round.
pub fn size_round(bytes: u64) -> String {
    size(bytes).replace(".0 ", " ")
}

/// A number with so many places after the point, rounded; what is no number is 0. (The standard
/// library's own way costs every download of this program some kilobytes.)
pub fn decimal(value: f64, places: u32) -> String {
    let one = 10_u64.pow(places.min(9));
    // `as` saturates: the worst is a wrong label.
    let scaled = (value.abs() * one as f64).round() as u64;
    let sign = if value < 0.0 && scaled > 0 { "-" } else { "" };
    let (whole, rest) = (scaled / one, scaled % one);
    match places {
        0 => format!("{sign}{whole}"),
        places => format!("{sign}{whole}.{rest:0width$}", width = places as usize),
    }
}

/// A count with thin groups of three: `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 file`, `2 files`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A speed: `12.3 MB/s`. Nothing for a time in which nothing can be said.
pub fn speed(bytes: u64, elapsed_ms: f64) -> Option<String> {
    (elapsed_ms >= 1.0).then(|| {
        // `as` saturates: the worst is a wrong label.
        format!("{}/s", size((bytes as f64 * 1000.0 / elapsed_ms) as u64))
    })
}

/// Seconds: `0 s`, `59 s`, `2 min 5 s`, `3 h 20 min`, `2 days`.
pub fn duration_s(seconds: u64) -> String {
    let (s, min, h, days) = (
        seconds % 60,
        seconds / 60 % 60,
        seconds / 3600,
        seconds / 86_400,
    );
    match seconds {
        0..60 => format!("{s} s"),
        60..3600 if s == 0 => format!("{min} min"),
        60..3600 => format!("{min} min {s} s"),
        3600..172_800 if min == 0 => format!("{h} h"),
        3600..172_800 => format!("{h} h {min} min"),
        _ => format!("{days} days"),
    }
}

/// Milliseconds: `0.4 ms`, `340 ms`, `1.2 s`, then as [`duration_s`].
pub fn duration_ms(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{} ms", decimal(ms.max(0.0), 1)),
        ms if ms < 1000.0 => format!("{} ms", decimal(ms, 0)),
        ms if ms < 60_000.0 => format!("{} s", decimal(ms / 1000.0, 1)),
        ms => duration_s((ms / 1000.0) as u64),
    }
}

/// Days and months of the Gregorian calendar from days since 1970-01-01, before and after.
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    // Counted from 1 March of year 0, so that a leap day ends a year; 146,097 days are 400 years.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = match month_from_march {
        m @ 0..10 => m + 3,
        m => m - 9,
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// Seconds since 1970-01-01 UTC as `2024-01-02 03:04`; years beyond four digits as they are.
pub fn time(seconds: i64) -> String {
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let in_day = seconds.rem_euclid(86_400);
    let (hour, minute) = (in_day / 3600, in_day / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// As [`time`], with seconds and zone: `2024-01-02T03:04:05Z`.
pub fn time_exact(seconds: i64) -> String {
    let minutes = time(seconds).replace(' ', "T");
    format!("{minutes}:{:02}Z", seconds.rem_euclid(60))
}

/// How long ago: `just now`, `5 minutes ago`, `3 days ago`, `in 2 hours`. Both in seconds since
/// 1970-01-01 UTC.
pub fn ago(then: i64, now: i64) -> String {
    let apart = now.abs_diff(then);
    let (n, unit) = match apart {
        0..60 => return "just now".into(),
        60..3600 => (apart / 60, "minute"),
        3600..86_400 => (apart / 3600, "hour"),
        86_400..2_592_000 => (apart / 86_400, "day"),
        2_592_000..31_536_000 => (apart / 2_592_000, "month"),
        _ => (apart / 31_536_000, "year"),
    };
    let s = if n == 1 { "" } else { "s" };
    match then <= now {
        true => format!("{n} {unit}{s} ago"),
        false => format!("in {n} {unit}{s}"),
    }
}

/// RFC 3339 text to seconds since 1970-01-01 UTC; fractions are cut off. None if it is no time.
pub fn parse_time(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    let shape = b.len() >= 20
        && b[4] == b'-'
        && b[7] == b'-'
        && matches!(b[10], b'T' | b't' | b' ')
        && b[13] == b':'
        && b[16] == b':';
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        let all = part.bytes().all(|b| b.is_ascii_digit());
        all.then(|| part.parse().ok()).flatten()
    };
    if !shape {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let zone = text.get(19..)?;
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => zone,
    };
    let shift = match zone.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - 5;
            let seconds = digits(at..at + 2)? * 3600 + digits(at + 3..at + 5)? * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    // The inverse of `civil_from_days`.
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
        + day_of_year
        - 719_468;
    in_range.then_some(days * 86_400 + hour * 3600 + minute * 60 + second - shift)
}

/// `rwxr-xr-x` with setuid, setgid and sticky, from mode bits; the kind's letter is the caller's.
pub fn permissions(mode: u32) -> String {
    let mut out = String::with_capacity(9);
    for (shift, special, set) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        out.push(if bits & 4 != 0 { 'r' } else { '-' });
        out.push(if bits & 2 != 0 { 'w' } else { '-' });
        out.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => set.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(got: T, expect: T) {
        assert_eq!(got, expect);
    }

    #[test]
    fn sizes_and_counts() {
        check(size(0), "0 B".into());
        check(size(999), "999 B".into());
        check(size_round(999), "999 B".into());
        check(size_round(250_000_000), "250 MB".into());
        check(size_round(1_050_000_000), "1.1 GB".into());
        check(size_round(268_435_456), "268.4 MB".into());
        check(size(1000), "1.0 kB".into());
        check(size(999_949), "999.9 kB".into());
        check(size(999_950), "1.0 MB".into());
        check(size(62_345_678), "62.3 MB".into());
        check(size(u64::MAX), "18.4 EB".into());
        check(count(0), "0".into());
        check(count(999), "999".into());
        check(count(1_234_567), "1,234,567".into());
        check(plural(1, "entry", "entries"), "1 entry".into());
        check(plural(1000, "entry", "entries"), "1,000 entries".into());
        check(speed(5_000_000, 500.0), Some("10.0 MB/s".into()));
        check(speed(5, 0.0), None);
    }

    #[test]
    fn decimals() {
        check(decimal(0.0, 0), "0".into());
        check(decimal(0.96, 1), "1.0".into());
        check(decimal(12.345, 2), "12.35".into());
        check(decimal(0.0004, 4), "0.0004".into());
        check(decimal(-1.25, 1), "-1.3".into());
        check(decimal(-0.01, 1), "0.0".into());
        check(decimal(f64::NAN, 1), "0.0".into());
        check(
            decimal(f64::INFINITY, 0),
            "18446744073709551615".into(), // a wrong label, no panic
        );
    }

    #[test]
    fn durations() {
        check(duration_s(0), "0 s".into());
        check(duration_s(60), "1 min".into());
        check(duration_s(125), "2 min 5 s".into());
        check(duration_s(3600), "1 h".into());
        check(duration_s(12_000), "3 h 20 min".into());
        check(duration_s(200_000), "2 days".into());
        check(duration_ms(0.41), "0.4 ms".into());
        check(duration_ms(340.4), "340 ms".into());
        check(duration_ms(1234.0), "1.2 s".into());
        check(duration_ms(61_000.0), "1 min 1 s".into());
        check(duration_ms(f64::NAN), "0 s".into());
    }

    #[test]
    fn times() {
        check(time(0), "1970-01-01 00:00".into());
        check(time(951_782_400), "2000-02-29 00:00".into());
        check(time(-1), "1969-12-31 23:59".into());
        check(time_exact(1_704_164_645), "2024-01-02T03:04:05Z".into());
        check(time(i64::MAX / 2), "146138514283-06-19 07:45".into());
        time(i64::MIN);
        time_exact(i64::MAX);
        check(ago(0, 59), "just now".into());
        check(ago(0, 60), "1 minute ago".into());
        check(ago(7200, 0), "in 2 hours".into());
        check(ago(0, 86_400 * 45), "1 month ago".into());
        check(ago(i64::MIN, i64::MAX), "584942417355 years ago".into());
    }

    #[test]
    fn reads_times() {
        check(parse_time("1970-01-01T00:00:00Z"), Some(0));
        check(
            parse_time("2024-01-02T03:04:05.123456789Z"),
            Some(1_704_164_645),
        );
        check(parse_time("2024-01-02T05:04:05+02:00"), Some(1_704_164_645));
        check(parse_time("2024-01-01T22:04:05-05:00"), Some(1_704_164_645));
        check(parse_time("2000-02-29 00:00:00z"), Some(951_782_400));
        check(parse_time("0001-01-01T00:00:00Z"), Some(-62_135_596_800));
        for bad in [
            "",
            "2024-01-02",
            "2024-13-02T03:04:05Z",
            "2024-01-02T25:04:05Z",
            "2024-01-02T03:04:05",
            "2024-01-02T03:04:05+2:00",
            "2O24-01-02T03:04:05Z",
            "éééééééééééé",
        ] {
            check(parse_time(bad), None);
        }
    }

    #[test]
    fn modes() {
        check(permissions(0o755), "rwxr-xr-x".into());
        check(permissions(0o4755), "rwsr-xr-x".into());
        check(permissions(0o2644), "rw-r-Sr--".into());
        check(permissions(0o1777), "rwxrwxrwt".into());
        check(permissions(0), "---------".into());
    }

    proptest! {
        #[test]
        fn a_time_survives(seconds in -62_000_000_000i64..250_000_000_000) {
            prop_assert_eq!(parse_time(&time_exact(seconds)), Some(seconds));
        }

        #[test]
        fn never_panics(text in "\\PC{0,30}", seconds: i64) {
            let _ = parse_time(&text);
            let _ = time(seconds);
        }
    }
}
