//! A plan as EXPLAIN shows it, before it is written in a format.

use crate::plan::{Cost, Measured};

/// A node of the plan as it is shown.
#[derive(Debug)]
pub(crate) struct Item {
    /// The line's text: `Index Scan using i on t a`.
    pub(crate) title: String,
    /// The node's type in structured formats: `Index Scan`.
    pub(crate) kind: String,
    /// What the title says beside the type, for structured formats.
    pub(crate) attributes: Vec<(&'static str, Value)>,
    /// One of DSQL's nodes below a scan, which are set apart in text.
    pub(crate) storage: bool,
    /// What it is to its parent: `Outer`, `Inner`, `Subquery`, `InitPlan`, `SubPlan`, `Member`.
    pub(crate) relationship: &'static str,
    /// `SubPlan 1`, `InitPlan 2 (returns $1)`, `CTE x`.
    pub(crate) subplan: Option<String>,
    pub(crate) rows: f64,
    pub(crate) width: f64,
    pub(crate) cost: Cost,
    /// What was seen of it, if it was watched.
    pub(crate) measured: Option<Measured>,
    pub(crate) properties: Vec<(String, Value)>,
    pub(crate) children: Vec<Item>,
}

/// A property's value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// Separated by commas in text.
    List(Vec<String>),
    Integer(i64),
    /// With so many digits after the point.
    Float(f64, usize),
    Bool(bool),
}

impl Item {
    pub(super) fn new(title: impl Into<String>) -> Item {
        let title = title.into();
        Item {
            kind: title.clone(),
            title,
            attributes: Vec::new(),
            storage: false,
            relationship: "Outer",
            subplan: None,
            rows: 0.0,
            width: 0.0,
            cost: Cost::default(),
            measured: None,
            properties: Vec::new(),
            children: Vec::new(),
        }
    }

    pub(super) fn property(&mut self, name: &str, value: Value) {
        self.properties.push((name.to_owned(), value));
    }

    pub(super) fn child(&mut self, child: Item, relationship: &'static str) {
        self.children.push(Item { relationship, ..child });
    }
}
