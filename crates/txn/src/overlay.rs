//! A transaction's own writes: for each key, what each command did to it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use store::{Direction, Key, KeyRange, Pairs, Value, Write, WriteSet};

use crate::CommandId;

/// What happened to one key.
#[derive(Debug)]
struct History {
    newest: (CommandId, Write),
    /// Oldest first; almost always none, and then without memory of its own.
    older: Vec<(CommandId, Write)>,
}

impl History {
    /// What commands before `at` made of the key: `None` if they did not write it.
    fn visible(&self, at: CommandId) -> Option<Option<&Value>> {
        let all = std::iter::once(&self.newest).chain(self.older.iter().rev());
        all.filter(|(command, _)| *command < at).find_map(|(_, write)| match write {
            Write::Put(value) | Write::Fill(value) => Some(Some(value)),
            Write::Delete => Some(None),
            Write::Lock | Write::Validate | Write::Check => None,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Overlay {
    histories: BTreeMap<Key, History>,
    bytes: usize,
}

impl Overlay {
    pub(crate) fn is_empty(&self) -> bool {
        self.histories.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Records a write. A lock or validation never hides an earlier write of the same key, and a
    /// validation never weakens a lock.
    pub(crate) fn write(&mut self, key: Key, write: Write, command: CommandId) {
        let bytes = match &write {
            Write::Put(value) | Write::Fill(value) => key.len() + value.len(),
            Write::Delete | Write::Lock => key.len(),
            Write::Validate | Write::Check => 0,
        };
        match self.histories.entry(key) {
            Entry::Vacant(place) => {
                place.insert(History { newest: (command, write), older: Vec::new() });
            }
            Entry::Occupied(history) if hides(&history.get().newest.1, &write) => return,
            Entry::Occupied(history) => {
                let history = history.into_mut();
                let earlier = std::mem::replace(&mut history.newest, (command, write));
                if earlier.0 != command {
                    history.older.push(earlier);
                }
            }
        }
        self.bytes += bytes;
    }

    /// What commands before `at` made of `key`: `None` if they did not write it.
    pub(crate) fn get(&self, key: &[u8], at: CommandId) -> Option<Option<&Value>> {
        // Whoever writes much mostly does so in the order of the keys, and asks for each before it writes it.
        let (last, _) = self.histories.last_key_value()?;
        if last.as_ref() < key {
            return None;
        }
        self.histories.get(key)?.visible(at)
    }

    /// Whether `command` has put or removed `key`.
    pub(crate) fn wrote(&self, key: &[u8], command: CommandId) -> bool {
        self.histories.get(key).is_some_and(|history| {
            let (newest, write) = &history.newest;
            let puts = matches!(write, Write::Put(_) | Write::Fill(_) | Write::Delete);
            *newest == command && puts
        })
    }

    /// Lays the writes of commands before `at` over `pairs`, which are those of the snapshot from
    /// the start of `range` (in `direction`) to its end, or to the last of `pairs` unless
    /// `exhausted`.
    pub(crate) fn merge(
        &self,
        pairs: Pairs,
        range: &KeyRange,
        direction: Direction,
        exhausted: bool,
        at: CommandId,
    ) -> Pairs {
        let covered = match (exhausted, pairs.last()) {
            (false, Some((last, _))) => match direction {
                Direction::Forward => KeyRange {
                    start: range.start.clone(),
                    end: Bound::Included(Key::copy_from_slice(last)),
                },
                Direction::Backward => KeyRange {
                    start: Bound::Included(Key::copy_from_slice(last)),
                    end: range.end.clone(),
                },
            },
            _ => range.clone(),
        };
        if is_inverted(&covered) {
            return pairs;
        }
        let own =
            self.histories.range::<[u8], _>((as_slice(&covered.start), as_slice(&covered.end)));
        let mut own: Vec<_> =
            own.filter_map(|(key, history)| Some((key, history.visible(at)?))).collect();
        if own.is_empty() {
            return pairs;
        }
        if direction == Direction::Backward {
            own.reverse();
        }
        let mut merged = Pairs::with_capacity(pairs.len() + own.len(), pairs.bytes());
        let mut pairs = pairs.iter().peekable();
        for (key, value) in own {
            while let Some((key, value)) = pairs.next_if(|pair| match direction {
                Direction::Forward => *pair.0 < key[..],
                Direction::Backward => *pair.0 > key[..],
            }) {
                merged.push(key, value);
            }
            pairs.next_if(|pair| *pair.0 == key[..]);
            if let Some(value) = value {
                merged.push(key, value);
            }
        }
        merged.extend(pairs);
        merged
    }

    /// The net effect: the last write of each key.
    pub(crate) fn into_write_set(self) -> WriteSet {
        let writes =
            self.histories.into_iter().map(|(key, history)| (key, history.newest.1)).collect();
        WriteSet { writes }
    }
}

/// Whether `write` adds nothing to what is written already.
fn hides(earlier: &Write, write: &Write) -> bool {
    match write {
        Write::Lock => !matches!(earlier, Write::Validate | Write::Check),
        Write::Validate => !matches!(earlier, Write::Check),
        Write::Check => true,
        Write::Put(_) | Write::Fill(_) | Write::Delete => false,
    }
}

fn as_slice(bound: &Bound<Key>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Whether a range is empty in a way that [`BTreeMap::range`] panics at.
fn is_inverted(range: &KeyRange) -> bool {
    match (&range.start, &range.end) {
        (Bound::Excluded(start), Bound::Excluded(end)) => start >= end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start > end,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::copy_from_slice(text.as_bytes())
    }

    fn put(text: &str) -> Write {
        Write::Put(key(text))
    }

    fn merge(overlay: &Overlay, direction: Direction, exhausted: bool, at: u32) -> String {
        let mut keys = ["b", "d"];
        if direction == Direction::Backward {
            keys.reverse();
        }
        let pairs: Pairs = keys.into_iter().map(|key| (key, "old")).collect();
        let range = KeyRange { start: Bound::Unbounded, end: Bound::Unbounded };
        let merged = overlay.merge(pairs, &range, direction, exhausted, CommandId(at));
        let texts = merged
            .iter()
            .map(|(k, v)| format!("{}={}", String::from_utf8_lossy(k), String::from_utf8_lossy(v)));
        texts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn command_sees_earlier_commands_only() {
        let mut overlay = Overlay::default();
        overlay.write(key("a"), put("1"), CommandId(0));
        overlay.write(key("a"), Write::Delete, CommandId(1));
        assert_eq!(overlay.get(b"a", CommandId(0)), None);
        assert_eq!(overlay.get(b"a", CommandId(1)), Some(Some(&key("1"))));
        assert_eq!(overlay.get(b"a", CommandId(2)), Some(None));
    }

    #[test]
    fn lock_does_not_hide_write() {
        let mut overlay = Overlay::default();
        overlay.write(key("a"), put("1"), CommandId(0));
        overlay.write(key("a"), Write::Lock, CommandId(1));
        overlay.write(key("b"), Write::Lock, CommandId(1));
        overlay.write(key("b"), Write::Validate, CommandId(2));
        let set = overlay.into_write_set();
        assert_eq!(set.writes[&key("a")], put("1"));
        assert_eq!(set.writes[&key("b")], Write::Lock);
    }

    #[test]
    fn merge_both_directions() {
        let mut overlay = Overlay::default();
        overlay.write(key("a"), put("new"), CommandId(0));
        overlay.write(key("b"), Write::Delete, CommandId(0));
        overlay.write(key("c"), put("new"), CommandId(0));
        overlay.write(key("d"), put("new"), CommandId(1));
        overlay.write(key("e"), put("new"), CommandId(0));
        assert_eq!(merge(&overlay, Direction::Forward, true, 1), "a=new c=new d=old e=new");
        assert_eq!(merge(&overlay, Direction::Backward, true, 2), "e=new d=new c=new a=new");
        // Not exhausted: what lies beyond the last pair is left for the next chunk.
        assert_eq!(merge(&overlay, Direction::Forward, false, 2), "a=new c=new d=new");
    }
}
