//! PAX extended headers: records `LEN KEY=VALUE\n` (POSIX.1-2001, pax interchange format).

use super::error::TarProblem;
use super::number;

/// Key and value, raw.
pub(super) type Record = (Vec<u8>, Vec<u8>);

/// All records of one header, in their order (which GNU's sparse format 0.0 depends on).
pub(super) fn parse(mut data: &[u8]) -> Result<Vec<Record>, TarProblem> {
    let bad = |detail| TarProblem::Pax { detail };
    let mut records = Vec::new();
    while !data.is_empty() {
        // Some writers pad with NULs.
        if data.iter().all(|b| *b == 0) {
            break;
        }
        // The longest length that can be right has seven digits: headers are bounded by Limits.
        let space = data
            .iter()
            .take(20)
            .position(|b| *b == b' ')
            .ok_or(bad("a record has no length"))?;
        let len = number::decimal(&data[..space])
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(bad("a record's length is not a number"))?;
        if len > data.len() || len < space + 2 {
            return Err(bad("a record's length is wrong"));
        }
        let (record, rest) = data.split_at(len);
        let body = record[space + 1..]
            .strip_suffix(b"\n")
            .ok_or(bad("a record does not end where it says"))?;
        let equals = body
            .iter()
            .position(|b| *b == b'=')
            .ok_or(bad("a record has no ="))?;
        let (key, value) = (&body[..equals], &body[equals + 1..]);
        if key.is_empty() || key.contains(&0) {
            return Err(bad("a record has no proper key"));
        }
        let is_name = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
        if is_name && value.contains(&0) {
            return Err(bad("a name has a NUL"));
        }
        records.push((key.to_vec(), value.to_vec()));
        data = rest;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expect: Result<&[(&str, &str)], &'static str>) {
        let got = parse(input).map(|records| {
            let text = |b: Vec<u8>| String::from_utf8(b).expect("the cases are text");
            let pairs = records.into_iter().map(|(k, v)| (text(k), text(v)));
            pairs.collect::<Vec<_>>()
        });
        let expect = expect
            .map(|pairs| {
                pairs
                    .iter()
                    .map(|(k, v)| (k.to_string(), v.to_string()))
                    .collect()
            })
            .map_err(|detail| TarProblem::Pax { detail });
        assert_eq!(got, expect, "{:?}", String::from_utf8_lossy(input));
    }

    #[test]
    fn records() {
        check(b"", Ok(&[]));
        check(b"\0\0\0", Ok(&[]));
        check(b"6 k=1\n", Ok(&[("k", "1")]));
        check(b"6 k=1\n6 k=2\n", Ok(&[("k", "1"), ("k", "2")]));
        check(b"5 k=\n", Ok(&[("k", "")]));
        check(b"7 k=a=\n", Ok(&[("k", "a=")]));
        check(b"7 k=a\n\n", Ok(&[("k", "a\n")]));
        check(b"07 k=a\n", Ok(&[("k", "a")]));
        check(b"11 path=a\0\n", Err("a name has a NUL"));
        check(b"k=1\n", Err("a record has no length"));
        check(b"x k=1\n", Err("a record's length is not a number"));
        check(b" k=1\n", Err("a record's length is not a number"));
        check(b"-6 k=1\n", Err("a record's length is not a number"));
        check(b"99 k=1\n", Err("a record's length is wrong"));
        check(b"2 k=1\n", Err("a record's length is wrong"));
        check(b"0 k=1\n", Err("a record's length is wrong"));
        check(b"5 k=1\n", Err("a record does not end where it says"));
        check(b"5 kk\n", Err("a record has no ="));
        check(b"5 =k\n", Err("a record has no proper key"));
        check(b"18446744073709551616 k=1\n", Err("a record has no length"));
        check(
            b"9223372036854775807 k=1\n",
            Err("a record's length is wrong"),
        );
    }
}
