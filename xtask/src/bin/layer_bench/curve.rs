//! What an index takes against what a file takes: the trades that are offered, and what lies
//! between and beyond them, as a table and as an SVG picture.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use layerscope_core::digest::{Algorithm, Digest};
use layerscope_core::layer_index::{
    BlobHasher, BuildOptions, IndexBuilder, LayerIndex, TradeChoice,
};
use layerscope_core::view::trade;
use layerscope_inflate::Trade;
use plotters::prelude::*;
use serde_json::{Map, Value};

use super::{CHUNK, reads};

/// Prices without a limit of share; the lowest buys a checkpoint at every block.
const PRICES: [u64; 8] = [0, 15, 40, 100, 250, 600, 1_500, 4_000];

/// The goals of the layer engine: percent of the layer beside the table of contents, and bytes
/// fetched for a file in the mean.
const GOALS: [(f64, f64); 2] = [(0.5, 100_000.0), (2.5, 45_000.0)];

const SIZE: (u32, u32) = (800, 500);
const COLOURS: [RGBColor; 3] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(0, 120, 60),
];

struct Point {
    /// Percent of the layer that is stored beside the table of contents.
    percent: f64,
    /// The mean of what reading a file whole, checked, fetches, in bytes.
    mean: f64,
}

struct Layer {
    name: String,
    swept: Vec<Point>,
    offered: Vec<(TradeChoice, Point)>,
}

/// Measures each layer, draws, and gives the figures of what is offered.
pub fn draw(svg: &Path, layers: &[&str]) -> Result<Map<String, Value>> {
    let mut figures = Map::new();
    let mut measured = Vec::new();
    for layer in layers {
        let (name, file) = layer.split_once('=').context("a layer is NAME=FILE")?;
        let layer = measure(name, file).with_context(|| format!("measuring {file}"))?;
        for (choice, point) in &layer.offered {
            let mut add = |what: &str, value: f64| {
                figures.insert(
                    format!("curve_{name}_{}_{what}", choice.name()),
                    value.into(),
                );
            };
            add("percent", point.percent);
            add("mean_fetch_bytes", point.mean);
            for (percent, mean) in GOALS {
                let met = point.percent <= percent && point.mean <= mean;
                if met {
                    eprintln!(
                        "{name}, {}: at most {mean} bytes at {percent} %",
                        choice.name()
                    );
                }
            }
        }
        measured.push(layer);
    }
    picture(svg, &measured).map_err(|error| anyhow!("drawing {}: {error}", svg.display()))?;
    Ok(figures)
}

fn measure(name: &str, file: &str) -> Result<Layer> {
    let blob = std::fs::read(file)?;
    let digest = Digest::of(Algorithm::Sha256, &blob);
    let mut hasher = BlobHasher::new(Algorithm::Sha256);
    hasher.push(&blob);
    let digests = hasher.finish();
    let point = |trade: Trade| -> Result<Point> {
        let mut options = BuildOptions::default();
        options.gzip.trade = trade;
        let mut builder = IndexBuilder::new(options);
        for chunk in blob.chunks(CHUNK) {
            builder.push(chunk)?;
        }
        let index = LayerIndex::seal(builder.finish(), digests.clone(), &digest)?;
        let stored = index.to_bytes().context("the index is not stored")?.len();
        let beside = stored - index.toc().pack().len();
        let plans = reads::cold(&index)?;
        let fetched: u64 = plans.iter().map(|(_, bytes)| bytes).sum();
        let point = Point {
            percent: beside as f64 * 100.0 / blob.len() as f64,
            mean: fetched as f64 / plans.len().max(1) as f64,
        };
        eprintln!(
            "{name}: price {:>5}  {:6.3} %  {:9.0} bytes",
            trade.price, point.percent, point.mean
        );
        Ok(point)
    };
    let swept = PRICES.into_iter().map(|price| Trade {
        price,
        ..Trade::ALL
    });
    Ok(Layer {
        name: name.to_owned(),
        swept: swept.map(point).collect::<Result<_>>()?,
        offered: TradeChoice::ALL
            .into_iter()
            .map(|choice| Ok((choice, point(choice.trade())?)))
            .collect::<Result<_>>()?,
    })
}

fn picture(svg: &Path, layers: &[Layer]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((0.1..6.0).log_scale(), (30.0..400.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("stored beside the table of contents, % of the layer")
        .y_desc("fetched for a file in the mean, KB")
        .x_label_formatter(&|x| format!("{x}"))
        .y_label_formatter(&|y| format!("{y}"))
        .max_light_lines(0)
        .draw()?;
    let at = |point: &Point| (point.percent, point.mean / 1000.0);
    for (percent, mean) in GOALS {
        let corner = (percent, mean / 1000.0);
        let lines = [vec![(0.1, corner.1), corner], vec![corner, (percent, 30.0)]];
        for line in lines {
            chart.draw_series(DashedLineSeries::new(line, 4, 4, BLACK.mix(0.5).into()))?;
        }
    }
    for (layer, colour) in layers.iter().zip(COLOURS.into_iter().cycle()) {
        chart
            .draw_series(LineSeries::new(layer.swept.iter().map(at), &colour))?
            .label(&layer.name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], colour));
        let offered = layer.offered.iter().map(|(choice, point)| {
            let label = match choice {
                TradeChoice::Fine => "Fewer bytes",
                _ => trade::title(*choice),
            };
            let shown = if layer.name == layers[0].name {
                label
            } else {
                ""
            };
            EmptyElement::at(at(point))
                + Circle::new((0, 0), 4, colour.filled())
                + Text::new(shown, (8, -14), ("sans-serif", 13))
        });
        chart.draw_series(offered)?;
    }
    chart
        .configure_series_labels()
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE)
        .draw()?;
    root.present()?;
    Ok(())
}
