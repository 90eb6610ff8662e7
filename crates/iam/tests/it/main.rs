//! What a client or another process sees of `iam`: tokens, refusals, the key file.

#[cfg(test)]
mod directory;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod http;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod world;
