//! Every example against a real server, as its README section runs it.

#[cfg(test)]
mod api;
#[cfg(test)]
mod lambda;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod world;
