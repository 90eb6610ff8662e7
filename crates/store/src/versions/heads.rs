//! A search index over sorted keys: the eight bytes behind their common prefix, side by side.
//!
//! Keys lie scattered over the heap, so each step of a plain binary search misses the cache; a step
//! over heads rarely does. Heads decide most searches, equal ones are settled by the keys.

/// The index of a sorted run of keys. The keys stay with the owner, who passes them to searches.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Bytes that all keys have in common.
    prefix: usize,
    heads: Vec<u64>,
}

impl Heads {
    pub(super) fn of<'a>(keys: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Heads {
        let (Some(first), Some(last)) = (keys.clone().next(), keys.clone().last()) else {
            return Heads::default();
        };
        let prefix = common_prefix(first, last);
        Heads { prefix, heads: keys.map(|key| head(key, prefix)).collect() }
    }

    /// Where `key` is (`Ok`) or would be (`Err`) among the keys that `key_at` gives.
    pub(super) fn find<'a>(
        &self,
        key: &[u8],
        key_at: impl Fn(usize) -> &'a [u8],
    ) -> Result<usize, usize> {
        if self.heads.is_empty() {
            return Err(0);
        }
        let prefix = &key_at(0)[..self.prefix];
        if !key.starts_with(prefix) {
            return Err(if key < prefix { 0 } else { self.heads.len() });
        }
        let wanted = head(key, self.prefix);
        let mut low = self.heads.partition_point(|head| *head < wanted);
        let mut high = low + self.heads[low..].iter().take_while(|head| **head == wanted).count();
        while low < high {
            let middle = low.midpoint(high);
            match key_at(middle).cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Notes that `key` was inserted as the `at`th of the keys that `key_at` gives, `key` included.
    pub(super) fn insert<'a>(&mut self, at: usize, key: &[u8], key_at: impl Fn(usize) -> &'a [u8]) {
        let len = self.heads.len() + 1;
        let common = match len {
            1 => key.len(),
            // Any other key will do: all of them share the prefix.
            _ => common_prefix(key, key_at(if at == 0 { len - 1 } else { 0 })),
        };
        if len == 1 || common < self.prefix {
            self.prefix = common;
            self.heads = (0..len).map(|n| head(key_at(n), common)).collect();
        } else {
            self.heads.insert(at, head(key, self.prefix));
        }
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.heads.remove(at);
    }
}

/// The eight bytes of `key` behind `prefix`, as a number that sorts as they do.
fn head(key: &[u8], prefix: usize) -> u64 {
    match key[prefix..].first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..key.len() - prefix].copy_from_slice(&key[prefix..]);
            u64::from_be_bytes(bytes)
        }
    }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn find_agrees_with_binary_search(
            keys in prop::collection::vec(prop::collection::vec(0..3_u8, 0..12), 0..60),
            wanted in prop::collection::vec(prop::collection::vec(0..3_u8, 0..12), 0..60),
            prefix in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let with_prefix = |key: &Vec<u8>| [prefix.clone(), key.clone()].concat();
            let mut sorted: Vec<Vec<u8>> = Vec::new();
            let mut heads = Heads::default();
            for key in keys.iter().map(with_prefix) {
                let found = heads.find(&key, |n| &sorted[n]);
                prop_assert_eq!(found, sorted.binary_search(&key));
                match found {
                    Ok(at) => {
                        sorted.remove(at);
                        heads.remove(at);
                    }
                    Err(at) => {
                        sorted.insert(at, key.clone());
                        heads.insert(at, &key, |n| &sorted[n]);
                    }
                }
            }
            let built = Heads::of(sorted.iter().map(Vec::as_slice));
            for key in wanted.iter().map(with_prefix).chain(wanted.clone()) {
                prop_assert_eq!(heads.find(&key, |n| &sorted[n]), sorted.binary_search(&key));
                prop_assert_eq!(built.find(&key, |n| &sorted[n]), sorted.binary_search(&key));
            }
        }
    }
}
