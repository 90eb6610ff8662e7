//! The real binary as a Model Context Protocol server, through rmcp's client.

#[cfg(test)]
mod http;
#[cfg(test)]
mod knowledge;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod world;
