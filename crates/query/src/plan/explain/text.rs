//! `FORMAT TEXT`.
//!
//! Source: PostgreSQL 16 `explain.c` for the layout; DSQL's for its nodes below scans.

use super::item::{Item, Value};
use super::{Options, Summary, Units};
use crate::endpoint::units::{READ_MINIMUM, WRITE_MINIMUM};

pub(super) fn lines(item: &Item, options: Options, summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    node(item, 0, "", options, &mut lines);
    if options.settings && !summary.settings.is_empty() {
        let settings: Vec<String> =
            summary.settings.iter().map(|(name, value)| format!("{name} = '{value}'")).collect();
        lines.push(format!("Settings: {}", settings.join(", ")));
    }
    if let Some(identifier) = &summary.query_identifier {
        lines.push(format!("Query Identifier: {identifier}"));
    }
    if options.summary {
        lines.push(format!("Planning Time: {:.3} ms", summary.planning.as_secs_f64() * 1e3));
        if let Some(execution) = summary.execution {
            lines.push(format!("Execution Time: {:.3} ms", execution.as_secs_f64() * 1e3));
        }
    }
    if let (true, Some(execution)) = (options.analyze && options.verbose, summary.execution) {
        let units = Units::of(item, execution);
        lines.push("Statement DPU Estimate:".into());
        lines.push(format!("  Compute: {:.5} DPU", units.compute));
        lines.push(format!("  Read: {}", at_least(units.read, READ_MINIMUM)));
        lines.push(format!("  Write: {}", at_least(units.write, WRITE_MINIMUM)));
        lines.push(format!("  Total: {:.5} DPU", units.total()));
    }
    lines
}

fn at_least(units: f64, minimum: f64) -> String {
    match units > 0.0 && units < minimum {
        true => format!("{units:.5} DPU (Transaction minimum: {minimum:.5})"),
        false => format!("{units:.5} DPU"),
    }
}

/// `indent`: of the node's line, without its arrow.
fn node(item: &Item, indent: usize, arrow: &str, options: Options, lines: &mut Vec<String>) {
    let (mut indent, mut arrow) = (indent, arrow);
    if let Some(subplan) = &item.subplan {
        lines.push(format!("{:indent$}{subplan}", ""));
        (indent, arrow) = (indent + 2, "->  ");
    }
    let mut line = format!("{:indent$}{arrow}{}", "", item.title);
    if options.costs {
        let gap = if item.storage { " " } else { "  " };
        line += &format!(
            "{gap}(cost={:.2}..{:.2} rows={:.0} width={:.0})",
            item.cost.startup, item.cost.total, item.rows, item.width
        );
    }
    if options.analyze {
        line += &measured(item, options);
    }
    lines.push(line);
    let (below, storage_below) = match (arrow, item.storage) {
        ("", _) => (indent + 2, indent + 2),
        (_, true) => (indent + 4, indent + 4),
        (_, false) => (indent + 6, indent + 6),
    };
    for (name, value) in &item.properties {
        let value = match value {
            Value::Text(text) => text.clone(),
            Value::List(parts) => parts.join(", "),
            Value::Integer(number) => number.to_string(),
            Value::Float(number, digits) => format!("{number:.digits$}"),
            Value::Bool(value) => value.to_string(),
        };
        lines.push(format!("{:below$}{name}: {value}", ""));
    }
    for child in &item.children {
        match child.storage {
            true => node(child, storage_below, "-> ", options, lines),
            false => node(
                child,
                below,
                if child.subplan.is_some() { "" } else { "->  " },
                options,
                lines,
            ),
        }
    }
}

fn measured(item: &Item, options: Options) -> String {
    let Some(seen) = &item.measured else { return String::new() };
    if seen.loops == 0 {
        return " (never executed)".into();
    }
    let loops = seen.loops as f64;
    let rows = seen.rows as f64 / loops;
    if item.storage || !options.timing {
        return format!(" (actual rows={rows:.0} loops={})", seen.loops);
    }
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3 / loops;
    let (startup, total) = (millis(seen.startup), millis(seen.total));
    format!(" (actual time={startup:.3}..{total:.3} rows={rows:.0} loops={})", seen.loops)
}
