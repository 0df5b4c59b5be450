//! Prints what indexing a gzip file costs: `cargo run --release --example measure -- FILE.gz`,
//! with both engines.
//!
//! Times are this process's own CPU time where Linux tells it, so that other work on the machine
//! disturbs less; the settings take turns, and the best of the rounds counts.

use std::time::Instant;

use layerscope_inflate::{
    Engine, FastEngine, GzipError, GzipIndex, GzipIndexBuilder, GzipOptions, MinizEngine, Trade,
};

const ROUNDS: usize = 5;
const CHUNK_BYTES: usize = 64 * 1024;
const SETTINGS: [(&str, Trade, bool); 3] = [
    ("checkpoints, CRC", Trade::BALANCED, true),
    ("checkpoints", Trade::BALANCED, false),
    ("no checkpoints", Trade::NONE, false),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("a gzip file, please")?;
    let blob = std::fs::read(path)?;
    let clock = Instant::now();
    let engines = [build::<MinizEngine>, build::<FastEngine>];
    let mut best = [SETTINGS.map(|_| f64::INFINITY); 2];
    let mut built = SETTINGS.map(|_| GzipIndex::default());
    for _ in 0..ROUNDS {
        for (n, (_, trade, check_crc)) in SETTINGS.into_iter().enumerate() {
            let options = GzipOptions {
                trade,
                check_crc,
                ..GzipOptions::default()
            };
            for (engine, best) in engines.iter().zip(&mut best) {
                let start = seconds(&clock);
                built[n] = engine(&blob, options.clone())?;
                best[n] = best[n].min(seconds(&clock) - start);
            }
        }
    }
    for (n, (name, ..)) in SETTINGS.iter().enumerate() {
        let index = &built[n];
        let stored = index.to_bytes().len();
        let windows: usize = index
            .checkpoints
            .iter()
            .map(|c| c.window.packed_len())
            .sum();
        let speed = best.map(|best| index.out_len as f64 / 1e6 / best[n]);
        println!(
            "{name:>15}: {:6.1} MB/s inflated by miniz, {:6.1} by fast, {:5} checkpoints ({} bytes a window), {:6} landmarks, index {stored} bytes, {:.3} % of the blob",
            speed[0],
            speed[1],
            index.checkpoints.len(),
            windows / index.checkpoints.len().max(1),
            index.landmarks.len(),
            stored as f64 * 100.0 / blob.len() as f64,
        );
    }
    Ok(())
}

fn build<E: Engine>(blob: &[u8], options: GzipOptions) -> Result<GzipIndex, GzipError> {
    let mut builder: GzipIndexBuilder<E> = GzipIndexBuilder::new(options);
    for chunk in blob.chunks(CHUNK_BYTES) {
        builder.push(chunk, &mut |_| {})?;
    }
    let (index, problem) = builder.finish();
    if let Some(problem) = problem {
        println!("{problem}");
    }
    Ok(index)
}

/// Seconds that this process has run, or else that have passed.
fn seconds(clock: &Instant) -> f64 {
    std::fs::read_to_string("/proc/self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| clock.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}
