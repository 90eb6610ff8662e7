//! Running plans: operators that hand on chunks of rows.
