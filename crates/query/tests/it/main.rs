//! Tests of sessions over a store in memory.

#[cfg(test)]
mod cascades;
#[cfg(test)]
mod catalog_queries;
#[cfg(test)]
mod compression;
#[cfg(test)]
mod domains;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hints;
#[cfg(test)]
mod indexes;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod planner;
#[cfg(test)]
mod planner_joins;
#[cfg(test)]
mod psql;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod sequences;
mod statistics;
#[cfg(test)]
mod system_functions;
mod tools;
#[cfg(test)]
mod views;
