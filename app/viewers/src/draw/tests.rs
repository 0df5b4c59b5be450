use super::*;
use crate::model::Cell;

fn drawing(rows: u64) -> Drawing {
    let mut table = Table::new("things", &["Name", "#Size"]);
    for n in 0..rows {
        table.push(vec![
            Cell::text(format!("thing {n}")),
            Cell::size((n * 7919) % 1000),
        ]);
    }
    let section = Section::new("All", vec![Block::Table(table)]);
    Drawing::new(View::new("Things", vec![section]))
}

fn texts(patches: &[Patch]) -> Vec<String> {
    let ops = patches.iter().flat_map(|p| &p.ops);
    ops.filter_map(|op| match op {
        Op::Text(text) => Some(text.clone()),
        _ => None,
    })
    .collect()
}

/// The act of the button or field whose text, or placeholder, begins so.
fn act(patches: &[Patch], label: &str) -> Act {
    let ops = &patches[0].ops;
    let mut last = None;
    for op in ops {
        match op {
            Op::Attr(Attr::Act, act) => last = act.parse().ok(),
            Op::Attr(Attr::Placeholder, text) | Op::Text(text) if text.starts_with(label) => {
                return last.expect("it has an act");
            }
            _ => {}
        }
    }
    panic!("no {label}");
}

fn names(patches: &[Patch]) -> Vec<String> {
    let mut all = texts(patches);
    all.retain(|t| t.starts_with("thing "));
    all
}

#[test]
fn tables_are_sorted_by_number_down_and_back() {
    let mut drawing = drawing(20);
    let first = drawing.act(REDRAW, "");
    let by_size = act(&first, "Size");
    let up = drawing.act(by_size, "");
    assert_eq!(up[0].part, Some(1));
    assert_eq!(names(&up)[0], "thing 0");
    let down = drawing.act(by_size, "");
    let mut expect = names(&up);
    expect.reverse();
    assert_eq!(names(&down), expect);
    assert_eq!(names(&drawing.act(by_size, "")), names(&first));
}

#[test]
fn long_tables_come_in_steps_and_are_filtered() {
    let mut drawing = drawing(5_000);
    let first = drawing.act(REDRAW, "");
    assert_eq!(names(&first).len(), ROWS);
    let more = drawing.act(act(&first, "Show more (100 of "), "");
    assert_eq!(names(&more).len(), ROWS * 6);
    let filter = act(&first, "Filter things");
    let found = drawing.act(filter, "THING 4999");
    assert_eq!(names(&found), ["thing 4999"]);
    assert!(texts(&drawing.act(filter, "none")).contains(&"No things match.".to_owned()));
    // What is drawn anew is as it was.
    let again = drawing.act(REDRAW, "");
    assert!(names(&again).is_empty());
    assert!(again[0].ops.contains(&Op::Attr(Attr::Value, "none".into())));
}

#[test]
fn no_more_is_drawn_than_a_page_bears() {
    let section = Section::new(
        "",
        vec![Block::Facts(vec![("a".into(), Cell::text("b")); 50])],
    );
    let view = View::new("x", vec![section; 10_000]);
    let ops = Drawing::new(view).act(REDRAW, "").remove(0).ops;
    assert!(ops.len() < MAX_OPS + 1000, "{}", ops.len());
    let opened = ops.iter().filter(|op| matches!(op, Op::Open(_))).count();
    let closed = ops.iter().filter(|op| matches!(op, Op::Close)).count();
    assert_eq!(opened, closed);
}

#[test]
fn acts_of_nobody_do_nothing() {
    let mut drawing = drawing(1);
    for act in [1, 255, 256 + 7, 256 + 255, u32::MAX] {
        drawing.act(act, "x");
    }
    assert_eq!(names(&drawing.act(REDRAW, "")), ["thing 0"]);
}
