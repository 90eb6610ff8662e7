//! Whether an answer is the expected one.

use regex::Regex;

use crate::client::{Answer, Done, Refused};
use crate::format::Expect;

/// What differs, if anything.
///
/// # Errors
/// The difference, ready to be shown.
pub(crate) fn compare(answer: &Answer, expect: &Expect) -> Result<(), String> {
    if !expect.any_of.is_empty() {
        let all: Vec<String> =
            expect.any_of.iter().filter_map(|expect| compare(answer, expect).err()).collect();
        return if all.len() < expect.any_of.len() { Ok(()) } else { Err(all.join("; or ")) };
    }
    if expect.closed {
        return match (answer.closed, answer.results.last()) {
            (true, None) => Ok(()),
            (_, last) => Err(format!("the connection was not just closed: {}", show(last))),
        };
    }
    if !expect.results.is_empty() {
        if answer.results.len() != expect.results.len() {
            let all: Vec<String> = answer.results.iter().map(|one| show(Some(one))).collect();
            let expected = expect.results.len();
            return Err(format!("not {expected} results but {}", all.join(", ")));
        }
        return answer
            .results
            .iter()
            .zip(&expect.results)
            .try_for_each(|(result, expect)| compare_result(result, expect));
    }
    match answer.results.last() {
        Some(result) => compare_result(result, expect),
        None => Err(if answer.closed { "the connection was closed" } else { "no answer" }.into()),
    }
}

fn compare_result(result: &Result<Done, Refused>, expect: &Expect) -> Result<(), String> {
    match (result, &expect.error) {
        (Ok(done), None) => compare_done(done, expect),
        (Err(refused), Some(code)) => compare_refused(refused, code, expect),
        (result, Some(code)) => {
            let message = expect.message.as_deref().unwrap_or_default();
            Err(format!("expected error {code} {message}, got {}", show(Some(result))))
        }
        (result, None) => {
            let tag = expect.ok.as_deref().or(expect.ok_like.as_deref()).unwrap_or_default();
            Err(format!("expected {tag}, got {}", show(Some(result))))
        }
    }
}

fn compare_refused(refused: &Refused, code: &str, expect: &Expect) -> Result<(), String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let same = |actual: &str, expected: &Option<String>| {
        expected.as_ref().is_none_or(|expected| actual == expected)
    };
    let like = |actual: &str, pattern: &Option<String>| {
        pattern.as_ref().is_none_or(|pattern| matches(pattern, actual))
    };
    let right = (code == "*" || refused.code == code)
        && same(&refused.message, &expect.message)
        && expect.message_has.as_ref().is_none_or(|part| refused.message.contains(part))
        && like(&refused.message, &expect.message_like)
        && same(&text(&refused.detail), &expect.detail)
        && like(&text(&refused.detail), &expect.detail_like)
        && same(&text(&refused.hint), &expect.hint)
        && same(&text(&refused.constraint), &expect.constraint);
    if right {
        return Ok(());
    }
    let wanted = [
        &expect.message,
        &expect.message_has,
        &expect.message_like,
        &expect.detail,
        &expect.detail_like,
        &expect.hint,
        &expect.constraint,
    ];
    let wanted: Vec<&str> = wanted.into_iter().flatten().map(String::as_str).collect();
    Err(format!("expected error {code} {}, got {refused}", wanted.join(" | ")))
}

fn compare_done(done: &Done, expect: &Expect) -> Result<(), String> {
    if let Some(tag) = &expect.ok
        && tag != "*"
        && *tag != done.tag
    {
        return Err(format!("expected {tag}, got {}", done.tag));
    }
    if let Some(pattern) = &expect.ok_like
        && !matches(pattern, &done.tag)
    {
        return Err(format!("expected {pattern}, got {}", done.tag));
    }
    if let Some(columns) = &expect.columns
        && done.columns.as_ref() != Some(columns)
    {
        let actual = done.columns.as_deref().unwrap_or_default();
        return Err(format!("expected columns {columns:?}, got {actual:?}"));
    }
    if let Some(rows) = &expect.rows {
        let (mut expected, mut actual) = (rows.clone(), done.rows.clone());
        if expect.unordered {
            expected.sort();
            actual.sort();
        }
        if expected != actual {
            return Err(format!("expected rows {expected:?}, got {actual:?}"));
        }
    }
    if let Some(patterns) = &expect.rows_like {
        let like = patterns.len() == done.rows.len()
            && patterns.iter().zip(&done.rows).all(|(patterns, row)| {
                patterns.len() == row.len()
                    && patterns
                        .iter()
                        .zip(row)
                        .all(|(pattern, cell)| matches(pattern, cell.as_deref().unwrap_or("")))
            });
        if !like {
            return Err(format!("expected rows like {patterns:?}, got {:?}", done.rows));
        }
    }
    if let Some(nrows) = expect.nrows
        && nrows != done.rows.len()
    {
        return Err(format!("expected {nrows} rows, got {}", done.rows.len()));
    }
    Ok(())
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).expect("a regular expression").is_match(text)
}

fn show(result: Option<&Result<Done, Refused>>) -> String {
    match result {
        None => "nothing".into(),
        Some(Ok(done)) if done.rows.is_empty() => done.tag.clone(),
        Some(Ok(done)) => format!("{} {:?}", done.tag, done.rows),
        Some(Err(refused)) => format!("error {refused}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(result: Result<Done, Refused>) -> Answer {
        Answer { results: vec![result], closed: false }
    }

    #[test]
    fn compare_sees_each_difference() {
        let rows = vec![vec![Some("1".to_owned()), None]];
        let columns = Some(vec!["a".to_owned(), "b".to_owned()]);
        let done = answer(Ok(Done { tag: "SELECT 1".into(), columns, rows: rows.clone() }));
        let ok = Expect { ok: Some("SELECT 1".into()), rows: Some(rows), ..Expect::default() };
        assert!(compare(&done, &ok).is_ok());
        assert!(compare(&done, &Expect { nrows: Some(2), ..ok.clone() }).is_err());
        assert!(compare(&done, &Expect { columns: Some(vec![]), ..ok.clone() }).is_err());
        assert!(compare(&done, &Expect { rows: Some(vec![]), ..ok.clone() }).is_err());
        let error = Expect { error: Some("0A000".into()), ..Expect::default() };
        assert!(compare(&done, &error).is_err());
        let any_of = vec![error, ok];
        assert!(compare(&done, &Expect { any_of, ..Expect::default() }).is_ok());
    }

    #[test]
    fn compare_sees_each_field_of_an_error() {
        let refused = Refused { code: "0A000".into(), message: "no".into(), ..Refused::default() };
        let refused = answer(Err(refused));
        let error = Expect { error: Some("*".into()), ..Expect::default() };
        assert!(compare(&refused, &error).is_ok());
        assert!(
            compare(&refused, &Expect { message: Some("yes".into()), ..error.clone() }).is_err()
        );
        assert!(compare(&refused, &Expect { detail: Some("d".into()), ..error.clone() }).is_err());
        assert!(compare(&refused, &Expect { error: Some("42601".into()), ..error }).is_err());
    }
}
