//! `FORMAT JSON`, `YAML` and `XML`: one document with the same keys.
//!
//! Source: PostgreSQL 16 `explain.c`.

use std::fmt::Write as _;

use super::item::{Item, Value};
use super::{Options, OutputFormat, Summary, Units};

/// A document's parts.
enum Part {
    Scalar(Value),
    Scalars(Vec<String>),
    Group(Vec<(String, Part)>),
    Groups(&'static str, Vec<Part>),
}

pub(super) fn document(item: &Item, options: Options, summary: &Summary) -> String {
    let mut query = vec![("Plan".to_owned(), node(item, None, options))];
    let mut add = |name: &str, part: Part| query.push((name.to_owned(), part));
    if options.settings && !summary.settings.is_empty() {
        let settings = summary
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), Part::Scalar(Value::Text(value.clone()))));
        add("Settings", Part::Group(settings.collect()));
    }
    if let Some(identifier) = &summary.query_identifier {
        add("Query Identifier", Part::Scalar(Value::Text(identifier.clone())));
    }
    if options.summary {
        let millis = summary.planning.as_secs_f64() * 1e3;
        add("Planning Time", Part::Scalar(Value::Float(millis, 3)));
    }
    if options.analyze {
        add("Triggers", Part::Groups("Trigger", Vec::new()));
    }
    if let (true, Some(execution)) = (options.summary, summary.execution) {
        add("Execution Time", Part::Scalar(Value::Float(execution.as_secs_f64() * 1e3, 3)));
    }
    if let (true, Some(execution)) = (options.analyze && options.verbose, summary.execution) {
        let units = Units::of(item, execution);
        let figures = [
            ("Compute", units.compute),
            ("Read", units.read),
            ("Write", units.write),
            ("Total", units.total()),
        ];
        let figures =
            figures.map(|(name, value)| (name.to_owned(), Part::Scalar(Value::Float(value, 5))));
        add("Statement DPU Estimate", Part::Group(figures.into()));
    }
    let query = Part::Group(query);
    let mut out = String::new();
    match options.format {
        OutputFormat::Json | OutputFormat::Text => {
            out.push_str("[\n  ");
            json(&query, 2, &mut out);
            out.push_str("\n]");
        }
        OutputFormat::Yaml => {
            out.push_str("- ");
            yaml(&query, 2, &mut out);
            out.truncate(out.trim_end().len());
        }
        OutputFormat::Xml => {
            out.push_str("<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n");
            xml("Query", &query, 2, &mut out);
            out.push_str("</explain>");
        }
    }
    out
}

fn node(item: &Item, parent: Option<&'static str>, options: Options) -> Part {
    let mut parts: Vec<(String, Part)> = Vec::new();
    let mut add = |name: &str, value: Value| parts.push((name.to_owned(), Part::Scalar(value)));
    add("Node Type", Value::Text(item.kind.clone()));
    if let Some(relationship) = parent {
        add("Parent Relationship", Value::Text(relationship.to_owned()));
    }
    if let Some(subplan) = &item.subplan {
        add("Subplan Name", Value::Text(subplan.clone()));
    }
    add("Parallel Aware", Value::Bool(false));
    add("Async Capable", Value::Bool(false));
    for (name, value) in &item.attributes {
        add(name, value.clone());
    }
    if options.costs {
        add("Startup Cost", Value::Float(item.cost.startup, 2));
        add("Total Cost", Value::Float(item.cost.total, 2));
        add("Plan Rows", Value::Float(item.rows, 0));
        add("Plan Width", Value::Float(item.width, 0));
    }
    if let (true, Some(seen)) = (options.analyze, &item.measured) {
        let loops = seen.loops.max(1) as f64;
        if options.timing {
            add("Actual Startup Time", Value::Float(seen.startup.as_secs_f64() * 1e3 / loops, 3));
            add("Actual Total Time", Value::Float(seen.total.as_secs_f64() * 1e3 / loops, 3));
        }
        add("Actual Rows", Value::Float(seen.rows as f64 / loops, 0));
        add("Actual Loops", Value::Integer(i64::try_from(seen.loops).unwrap_or(i64::MAX)));
    }
    for (name, value) in &item.properties {
        let part = match value {
            Value::List(list) => Part::Scalars(list.clone()),
            value => Part::Scalar(value.clone()),
        };
        parts.push((name.clone(), part));
    }
    if options.buffers {
        // Rows do not come from pages that are shared here: nothing to count.
        for kind in [
            "Shared Hit",
            "Shared Read",
            "Shared Dirtied",
            "Shared Written",
            "Local Hit",
            "Local Read",
            "Local Dirtied",
            "Local Written",
            "Temp Read",
            "Temp Written",
        ] {
            parts.push((format!("{kind} Blocks"), Part::Scalar(Value::Integer(0))));
        }
    }
    if !item.children.is_empty() {
        let children =
            item.children.iter().map(|child| node(child, Some(child.relationship), options));
        parts.push(("Plans".into(), Part::Groups("Plan", children.collect())));
    }
    Part::Group(parts)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Text(_) | Value::List(_) => None,
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number, digits) => Some(format!("{number:.digits$}")),
        Value::Bool(value) => Some(value.to_string()),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::List(parts) => parts.join(", "),
        other => plain(other).unwrap_or_default(),
    }
}

fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn json(part: &Part, indent: usize, out: &mut String) {
    match part {
        Part::Scalar(value) => match plain(value) {
            Some(plain) => out.push_str(&plain),
            None => json_string(&text(value), out),
        },
        Part::Scalars(list) => {
            out.push('[');
            for (number, text) in list.iter().enumerate() {
                out.push_str(if number > 0 { ", " } else { "" });
                json_string(text, out);
            }
            out.push(']');
        }
        Part::Group(parts) => {
            out.push('{');
            for (number, (name, part)) in parts.iter().enumerate() {
                out.push_str(if number > 0 { ",\n" } else { "\n" });
                _ = write!(out, "{:width$}", "", width = indent + 2);
                json_string(name, out);
                out.push_str(": ");
                json(part, indent + 2, out);
            }
            _ = write!(out, "\n{:indent$}}}", "");
        }
        Part::Groups(_, groups) => {
            out.push('[');
            for (number, group) in groups.iter().enumerate() {
                out.push_str(if number > 0 { ",\n" } else { "\n" });
                _ = write!(out, "{:width$}", "", width = indent + 2);
                json(group, indent + 2, out);
            }
            _ = write!(out, "\n{:indent$}]", "");
        }
    }
}

/// Writes a value that follows its name, or a group's lines.
fn yaml(part: &Part, indent: usize, out: &mut String) {
    let Part::Group(parts) = part else { return };
    for (number, (name, part)) in parts.iter().enumerate() {
        if number > 0 {
            _ = write!(out, "{:indent$}", "");
        }
        _ = write!(out, "{name}:");
        match part {
            Part::Scalar(value) => {
                out.push(' ');
                match plain(value) {
                    Some(plain) => out.push_str(&plain),
                    None => json_string(&text(value), out),
                }
                out.push('\n');
            }
            Part::Scalars(list) => {
                out.push_str(" \n");
                for text in list {
                    _ = write!(out, "{:width$}- ", "", width = indent + 2);
                    json_string(text, out);
                    out.push('\n');
                }
            }
            Part::Group(_) => {
                _ = write!(out, " \n{:width$}", "", width = indent + 2);
                yaml(part, indent + 2, out);
            }
            Part::Groups(_, groups) => {
                out.push_str(" \n");
                for group in groups {
                    _ = write!(out, "{:width$}- ", "", width = indent + 2);
                    yaml(group, indent + 4, out);
                }
            }
        }
    }
}

fn xml_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#x0d;"),
            c => out.push(c),
        }
    }
    out
}

/// A key as an element's name.
fn element(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .collect()
}

fn xml(name: &str, part: &Part, indent: usize, out: &mut String) {
    let tag = element(name);
    match part {
        Part::Scalar(value) => {
            let text = xml_escaped(&text(value));
            _ = writeln!(out, "{:indent$}<{tag}>{text}</{tag}>", "");
        }
        Part::Scalars(list) => {
            _ = writeln!(out, "{:indent$}<{tag}>", "");
            for text in list {
                let text = xml_escaped(text);
                _ = writeln!(out, "{:width$}<Item>{text}</Item>", "", width = indent + 2);
            }
            _ = writeln!(out, "{:indent$}</{tag}>", "");
        }
        Part::Group(parts) => {
            _ = writeln!(out, "{:indent$}<{tag}>", "");
            for (name, part) in parts {
                xml(name, part, indent + 2, out);
            }
            _ = writeln!(out, "{:indent$}</{tag}>", "");
        }
        Part::Groups(item, groups) => {
            _ = writeln!(out, "{:indent$}<{tag}>", "");
            for group in groups {
                xml(item, group, indent + 2, out);
            }
            _ = writeln!(out, "{:indent$}</{tag}>", "");
        }
    }
}
