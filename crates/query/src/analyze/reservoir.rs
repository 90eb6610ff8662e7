//! A random sample of a stream of unknown length.
//!
//! Source: Li, "Reservoir-sampling algorithms of time complexity O(n(1+log(N/n)))", algorithm L.

use store::Value;

/// Keeps so many of what it is offered, each with the same probability.
pub(super) struct Reservoir {
    size: usize,
    /// With their number in the stream.
    rows: Vec<(u64, Value)>,
    seen: u64,
    /// The number of the next row that is kept.
    next: u64,
    w: f64,
}

impl Reservoir {
    pub(super) fn new(size: usize) -> Reservoir {
        Reservoir { size, rows: Vec::new(), seen: 0, next: 0, w: 1.0 }
    }

    pub(super) fn offer(&mut self, row: Value) {
        let number = self.seen;
        self.seen += 1;
        if self.rows.len() < self.size {
            self.rows.push((number, row));
            if self.rows.len() == self.size {
                self.next = number;
                self.skip();
            }
            return;
        }
        if number == self.next {
            let slot = rand::random_range(0..self.size);
            self.rows[slot] = (number, row);
            self.skip();
        }
    }

    fn skip(&mut self) {
        let uniform = || rand::random::<f64>().max(f64::MIN_POSITIVE);
        self.w *= (uniform().ln() / self.size as f64).exp();
        let skipped = (uniform().ln() / (1.0 - self.w).ln()).floor().clamp(0.0, 1e18);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative and below 10^18"
        )]
        let skipped = skipped as u64;
        self.next = self.next.saturating_add(skipped).saturating_add(1);
    }

    /// The sample in the stream's order.
    pub(super) fn into_rows(mut self) -> impl Iterator<Item = Value> {
        self.rows.sort_unstable_by_key(|(number, _)| *number);
        self.rows.into_iter().map(|(_, row)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservoir_keeps_all_of_few_and_some_of_many() {
        let mut few = Reservoir::new(10);
        (0..5u8).for_each(|n| few.offer(vec![n].into()));
        assert_eq!(few.into_rows().map(|row| row[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let mut many = Reservoir::new(100);
        (0..10_000u32).for_each(|n| many.offer(n.to_be_bytes().to_vec().into()));
        assert_eq!(many.seen, 10_000);
        let rows: Vec<u32> = many
            .into_rows()
            .map(|row| u32::from_be_bytes(row.as_ref().try_into().unwrap()))
            .collect();
        assert_eq!(rows.len(), 100);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        // A sample that hangs on one end would fail here about never.
        let mean = rows.iter().map(|n| f64::from(*n)).sum::<f64>() / 100.0;
        assert!((2_500.0..7_500.0).contains(&mean), "{mean}");
    }
}
