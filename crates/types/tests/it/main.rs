//! Properties of the codecs.

#[cfg(test)]
mod codecs;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod order;
#[cfg(test)]
mod rare;
#[cfg(test)]
mod strategy;
