//! All files against Borealis.

#[cfg(test)]
mod borealis {
    use slt::Server;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn answers_as_the_files_say() {
        let files = slt::files(&[]);
        assert!(!files.is_empty());
        let outcomes = slt::run_all(&Server::Borealis, &files).await;
        let failed: Vec<String> = outcomes
            .into_iter()
            .filter_map(|outcome| {
                Some(format!("{}\n{}", outcome.file.display(), outcome.result.err()?))
            })
            .collect();
        assert!(
            failed.is_empty(),
            "{} of {} files:\n{}",
            failed.len(),
            files.len(),
            failed.join("\n")
        );
    }
}
