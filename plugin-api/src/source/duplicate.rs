//! Keys that are defined twice: the parser knows where the second one is, people want to see both.

use std::ops::Range;

use super::Tree;
use crate::diagnostic::Diagnostic;

/// What to tell of a key that is there already; `span` is that of the second.
pub(super) fn explain(tree: &Tree, span: Range<usize>) -> Diagnostic {
    let text = tree.source().text();
    let path = path_of(text, &span);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let error =
        Diagnostic::error(format!("`{}` is defined twice", path.join("."))).at(tree.source().place(span.clone()));
    let first = tree.key_span_of(&path).filter(|first| first.end <= span.start);
    match first.or_else(|| first_header(text, &path, span.start)) {
        Some(first) => error.related(tree.source().place(first), "it is first here"),
        None => error,
    }
}

/// The keys in the first header that opens the table `path`, before `end`.
fn first_header(text: &str, path: &[&str], end: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for line in text[..end].split_inclusive('\n') {
        let header = line
            .trim_start()
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'));
        if let Some((inner, _)) = header.filter(|(inner, _)| keys(inner) == path) {
            let start = start + line.find('[')? + 1;
            return Some(start..start + inner.len());
        }
        start += line.len();
    }
    None
}

/// The path of the key that ends at `span.end`: the last header above and the keys before it on its line. Inside an inline
/// table it may be another one; then it leads nowhere, or to a place behind.
fn path_of(text: &str, span: &Range<usize>) -> Vec<String> {
    let line_start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..span.end].trim_start();
    if line.starts_with('[') {
        return keys(line.trim_start_matches('['));
    }
    let mut headers = text[..line_start].lines().rev().map(str::trim_start);
    let header = headers.find(|line| line.starts_with('[')).unwrap_or_default();
    let mut path = match header.trim_start_matches('[').split_once(']') {
        Some((header, _)) => keys(header),
        None => Vec::new(),
    };
    path.extend(keys(line));
    path
}

fn keys(dotted: &str) -> Vec<String> {
    dotted
        .split('.')
        .map(|key| key.trim().trim_matches(['"', '\'']).to_owned())
        .collect()
}
