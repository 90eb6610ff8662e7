//! What is costly to make of a text and asked for again: a regular expression, a template.

use std::rc::Rc;

/// The values used last, the latest first: one for each thread, without locks.
pub(crate) struct Recent<K, V> {
    max: usize,
    entries: Vec<(K, Rc<V>)>,
}

impl<K, V> Recent<K, V> {
    /// Room for `max` values.
    pub(crate) const fn new(max: usize) -> Recent<K, V> {
        Recent { max, entries: Vec::new() }
    }

    /// The value whose key is the one meant; else the new one that `make` gives with its key.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn get<E>(
        &mut self,
        is_meant: impl Fn(&K) -> bool,
        make: impl FnOnce() -> Result<(K, V), E>,
    ) -> Result<Rc<V>, E> {
        match self.entries.iter().position(|(key, _)| is_meant(key)) {
            Some(0) => {}
            Some(index) => self.entries[..=index].rotate_right(1),
            None => {
                let (key, value) = make()?;
                let value = Rc::new(value);
                self.entries.truncate(self.max.saturating_sub(1));
                self.entries.insert(0, (key, Rc::clone(&value)));
                return Ok(value);
            }
        }
        Ok(Rc::clone(&self.entries[0].1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_keeps_what_was_used_last() {
        let mut recent = Recent::new(2);
        let mut made = Vec::new();
        for key in ["a", "b", "a", "c", "a", "b"] {
            let value = recent.get(
                |known: &&str| *known == key,
                || {
                    made.push(key);
                    Ok::<_, ()>((key, key.len()))
                },
            );
            assert_eq!(*value.unwrap(), 1);
        }
        assert_eq!(made, ["a", "b", "c", "b"]);
        assert_eq!(recent.get(|_| false, || Err("no")), Err("no"));
        assert_eq!(recent.entries.len(), 2);
    }
}
