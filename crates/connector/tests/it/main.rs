//! The connector against real servers.
//!
//! Every test starts a server of its own (`testkit`), so tests share no state.
#![expect(clippy::large_futures, reason = "a test's future may be large")]

#[cfg(test)]
mod connect;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod sqlx;
#[cfg(test)]
mod transaction;
#[cfg(test)]
mod world;
