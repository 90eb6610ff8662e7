//! The loader against a real server.

#[cfg(test)]
mod load;
#[cfg(test)]
mod parquet;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod world;
