//! Parse, bind, plan and execute SQL.
