//! What the tests share.

/// Numbers without a pattern, the same for the same seed (xorshift).
pub(crate) fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut seed = 0x2545_f491_4f6c_dd1d ^ seed;
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

/// Deterministic bytes of a nature: 0 text-like, 1 random, 2 runs, 3 mixed, 4 short periods.
pub(crate) fn nature(kind: u8, len: usize) -> Vec<u8> {
    let mut random = random(u64::from(kind));
    let mut out = Vec::with_capacity(len + 64);
    while out.len() < len {
        let pick = if kind == 3 {
            (random() % 3) as u8
        } else {
            kind
        };
        match pick {
            0 => {
                out.extend_from_slice(format!("line {} of some text; ", random() % 5000).as_bytes())
            }
            1 => out.extend((0..200).map(|_| random() as u8)),
            4 => {
                let period: Vec<u8> = (0..1 + random() % 40).map(|_| random() as u8).collect();
                let len = (random() % 400) as usize;
                out.extend(period.iter().cycle().take(len));
            }
            _ => out.extend(std::iter::repeat_n(
                random() as u8,
                (random() % 900) as usize,
            )),
        }
    }
    out.truncate(len);
    out
}
