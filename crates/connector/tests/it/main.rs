//! The connector against real servers.
//!
//! Every test starts a server of its own (`testkit`), so tests share no state.

#[cfg(test)]
mod connect;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod laboratory;
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
