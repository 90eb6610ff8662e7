//! The real binary through real clients.
//!
//! Every test starts a server of its own (`testkit`), so tests share no state.

#[cfg(test)]
mod authorization;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod conflict;
#[cfg(test)]
mod conflict_matrix;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod ddl_crash;
#[cfg(test)]
mod dialect;
#[cfg(test)]
mod index_schedules;
#[cfg(test)]
mod job_crash;
#[cfg(test)]
mod laboratory;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod load;
#[cfg(test)]
mod meta;
#[cfg(test)]
mod observability;
#[cfg(test)]
mod psql;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod storage;
mod tokio_postgres;
#[cfg(test)]
mod wire;
