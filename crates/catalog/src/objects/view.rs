//! Views.

use serde::{Deserialize, Serialize};

use super::{Grants, ObjectId, Sql};

/// A view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// OID in `pg_class`.
    pub oid: ObjectId,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: ObjectId,
    /// OID of the row type in `pg_type`.
    pub row_type: ObjectId,
    /// Privileges on the row type.
    #[serde(default)]
    pub row_type_grants: Grants,
    /// OID of the array type over the row type.
    pub array_type: ObjectId,
    /// Columns, in `attnum` order.
    pub columns: Vec<ViewColumn>,
    /// The query.
    pub query: Sql,
    /// `WITH CHECK OPTION`.
    #[serde(default)]
    pub check_option: Option<CheckOption>,
    /// The options as they were written, `name=value`, in the order in which they were set; empty in
    /// views stored before this was kept.
    #[serde(default)]
    pub reloptions: Vec<String>,
    /// The option `security_barrier`, if it is set.
    #[serde(default)]
    pub security_barrier: Option<bool>,
    /// The option `security_invoker`, if it is set.
    #[serde(default)]
    pub security_invoker: Option<bool>,
    /// Access list.
    #[serde(default)]
    pub grants: Grants,
    /// `COMMENT ON VIEW`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A column of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewColumn {
    /// Name.
    pub name: String,
    /// `pg_attribute.atttypid`.
    pub type_oid: u32,
    /// `pg_attribute.atttypmod`.
    pub typmod: i32,
    /// The domain that its values are of, if it is a column of one beneath.
    #[serde(default)]
    pub domain: Option<ObjectId>,
    /// Access list of the column, beside that of the view.
    #[serde(default)]
    pub grants: Grants,
    /// `ALTER VIEW … SET DEFAULT`.
    #[serde(default)]
    pub default: Option<Sql>,
    /// `COMMENT ON COLUMN`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// How far `WITH CHECK OPTION` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckOption {
    /// The view's own condition.
    Local,
    /// Those of the views beneath it too.
    Cascaded,
}

impl CheckOption {
    /// The option's value, as `reloptions` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            CheckOption::Local => "local",
            CheckOption::Cascaded => "cascaded",
        }
    }
}

/// An option of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewOption {
    /// `check_option`, also `WITH CHECK OPTION`.
    CheckOption(CheckOption),
    /// `security_barrier`.
    SecurityBarrier(bool),
    /// `security_invoker`.
    SecurityInvoker(bool),
}

impl ViewOption {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            ViewOption::CheckOption(_) => "check_option",
            ViewOption::SecurityBarrier(_) => "security_barrier",
            ViewOption::SecurityInvoker(_) => "security_invoker",
        }
    }
}

impl View {
    /// Sets an option, written as `text`.
    ///
    /// Source: PostgreSQL 16 `transformRelOptions`: what is set anew goes to the end.
    pub fn set_option(&mut self, option: ViewOption, text: &str) {
        self.reset_option(option.name());
        match option {
            ViewOption::CheckOption(value) => self.check_option = Some(value),
            ViewOption::SecurityBarrier(value) => self.security_barrier = Some(value),
            ViewOption::SecurityInvoker(value) => self.security_invoker = Some(value),
        }
        self.reloptions.push(format!("{}={text}", option.name()));
    }

    /// Takes an option away, if it is there.
    pub fn reset_option(&mut self, name: &str) {
        let mut options = self.options();
        options.retain(|option| option.split('=').next() != Some(name));
        self.reloptions = options;
        match name {
            "check_option" => self.check_option = None,
            "security_barrier" => self.security_barrier = None,
            "security_invoker" => self.security_invoker = None,
            _ => {}
        }
    }

    /// The position of the column called `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// `pg_class.reloptions`.
    pub fn options(&self) -> Vec<String> {
        if !self.reloptions.is_empty() {
            return self.reloptions.clone();
        }
        let mut options = Vec::new();
        if let Some(value) = self.security_barrier {
            options.push(format!("security_barrier={value}"));
        }
        if let Some(value) = self.security_invoker {
            options.push(format!("security_invoker={value}"));
        }
        if let Some(value) = self.check_option {
            options.push(format!("check_option={}", value.as_str()));
        }
        options
    }
}
