//! All probes but the slow ones against Borealis.

#[cfg(test)]
mod borealis {
    use probes::{Outcome, Selection, Verdict};

    #[test]
    fn answers_as_a_real_cluster() {
        let collection = probes::load();
        let outcomes = probes::replay(&collection, &Selection::default());
        let failed: Vec<String> = outcomes
            .into_iter()
            .filter_map(|Outcome { probe, verdict }| match verdict {
                Verdict::Failed(difference)
                    if !collection.expected_failures.contains_key(&probe) =>
                {
                    Some(format!("{probe}: {difference}"))
                }
                _ => None,
            })
            .collect();
        assert!(failed.is_empty(), "{} probes:\n{}", failed.len(), failed.join("\n"));
    }
}
