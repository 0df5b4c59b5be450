//! Rectangles whose areas are sizes: the squarified treemap of Bruls, Huizing and van Wijk (2000).

/// A part of the whole, in shares of its width and height: from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rect {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// A rectangle for each size, in the same order; `sizes` fall. They fill a whole that is `aspect`
/// times as wide as high. What has no size has no area.
pub fn squarify(sizes: &[u64], aspect: f64) -> Vec<Rect> {
    let sum: f64 = sizes.iter().map(|s| *s as f64).sum();
    let mut out = Vec::with_capacity(sizes.len());
    let wide = if aspect.is_finite() && aspect > 0.0 {
        aspect
    } else {
        1.0
    };
    if sum <= 0.0 {
        out.resize(sizes.len(), Rect::default());
        return out;
    }
    // Areas in a whole of `wide` by 1.
    let areas: Vec<f64> = sizes.iter().map(|s| *s as f64 / sum * wide).collect();
    let mut free = Rect {
        x: 0.0,
        y: 0.0,
        w: wide,
        h: 1.0,
    };
    let mut rest = &areas[..];
    while !rest.is_empty() {
        let side = free.w.min(free.h);
        let mut count = 1;
        let mut worst = worst_ratio(&rest[..1], side);
        while count < rest.len() {
            let next = worst_ratio(&rest[..count + 1], side);
            if next > worst {
                break;
            }
            worst = next;
            count += 1;
        }
        let (row, others) = rest.split_at(count);
        free = lay(row, free, &mut out);
        rest = others;
    }
    for rect in &mut out {
        rect.x /= wide;
        rect.w /= wide;
    }
    out
}

/// The longest of a row's rectangles, as length by breadth.
fn worst_ratio(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    if sum <= 0.0 || side <= 0.0 {
        return f64::INFINITY;
    }
    let thick = sum / side;
    row.iter().fold(0.0, |worst: f64, area| {
        let long = area / thick;
        let ratio = if long > thick {
            long / thick
        } else {
            thick / long
        };
        worst.max(ratio)
    })
}

/// Lays a row along the shorter side; what is left.
fn lay(row: &[f64], free: Rect, out: &mut Vec<Rect>) -> Rect {
    let sum: f64 = row.iter().sum();
    let upright = free.w >= free.h;
    let side = if upright { free.h } else { free.w };
    let thick = if side > 0.0 { sum / side } else { 0.0 };
    let mut at = 0.0;
    for area in row {
        let long = if thick > 0.0 { area / thick } else { 0.0 };
        out.push(match upright {
            true => Rect {
                x: free.x,
                y: free.y + at,
                w: thick,
                h: long,
            },
            false => Rect {
                x: free.x + at,
                y: free.y,
                w: long,
                h: thick,
            },
        });
        at += long;
    }
    match upright {
        true => Rect {
            x: free.x + thick,
            w: (free.w - thick).max(0.0),
            ..free
        },
        false => Rect {
            y: free.y + thick,
            h: (free.h - thick).max(0.0),
            ..free
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_example() {
        // Sizes and whole (6 by 4) as in its figure; the first row is two upright ones, side by side.
        let rects = squarify(&[6, 6, 4, 3, 2, 2, 1], 1.5);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let expect = [(0.0, 0.0, 0.5, 0.5), (0.0, 0.5, 0.5, 0.5)];
        for (rect, (x, y, w, h)) in rects.iter().zip(expect) {
            assert!(near(rect.x, x) && near(rect.y, y), "{rect:?}");
            assert!(near(rect.w, w) && near(rect.h, h), "{rect:?}");
        }
        // The next two lie side by side above what is left.
        assert!(near(rects[2].h, rects[3].h) && near(rects[2].y, 0.0));
    }

    #[test]
    fn nothing_has_no_area() {
        assert_eq!(squarify(&[], 2.0), []);
        assert_eq!(squarify(&[0, 0], 2.0), [Rect::default(); 2]);
        let rects = squarify(&[5, 0], f64::NAN);
        assert_eq!((rects[0].w, rects[0].h), (1.0, 1.0));
        assert_eq!(rects[1].w * rects[1].h, 0.0);
    }

    proptest::proptest! {
        #[test]
        fn areas_are_sizes_and_nothing_overlaps(
            mut sizes in proptest::collection::vec(0_u64..1_000_000, 1..40),
            aspect in 0.2_f64..5.0,
        ) {
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            let rects = squarify(&sizes, aspect);
            assert_eq!(rects.len(), sizes.len());
            let sum: u64 = sizes.iter().sum();
            for (rect, size) in rects.iter().zip(&sizes) {
                assert!(rect.x >= -1e-9 && rect.x + rect.w <= 1.0 + 1e-6, "{rect:?}");
                assert!(rect.y >= -1e-9 && rect.y + rect.h <= 1.0 + 1e-6, "{rect:?}");
                if sum > 0 {
                    let share = *size as f64 / sum as f64;
                    assert!((rect.w * rect.h - share).abs() < 1e-6, "{rect:?} {share}");
                }
            }
            for (i, a) in rects.iter().enumerate() {
                for b in &rects[..i] {
                    let x = (a.x + a.w).min(b.x + b.w) - a.x.max(b.x);
                    let y = (a.y + a.h).min(b.y + b.h) - a.y.max(b.y);
                    assert!(x.max(0.0) * y.max(0.0) < 1e-6, "{a:?} {b:?}");
                }
            }
        }
    }
}
