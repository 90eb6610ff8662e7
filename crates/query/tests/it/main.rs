//! Tests of sessions over a store in memory.

#[cfg(test)]
mod catalog_queries;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod indexes;
#[cfg(test)]
mod planner;
#[cfg(test)]
mod psql;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod system_functions;
