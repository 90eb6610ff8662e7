//! The embedded engine: journal, versions in memory, `redb` base.
