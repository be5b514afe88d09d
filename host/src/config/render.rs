//! Diagnostics for people, drawn as rustc draws them, and for programs, as JSON.

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use baton_plugin_api::diagnostic::{Diagnostic, Place, Severity};
use serde_json::{Value as Json, json};

/// Draws diagnostics, each with its lines and a caret, and a line at the end that counts them; empty if there are none.
/// With `colours` it holds ANSI escape sequences.
pub fn text(diagnostics: &[Diagnostic], colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let drawn: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| draw(diagnostic, &renderer))
        .collect();
    match summary(diagnostics) {
        Some(summary) => format!("{}\n\n{summary}\n", drawn.join("\n\n")),
        None => String::new(),
    }
}

/// Diagnostics as one object for programs; places are lines and columns from 1, the end behind the last character.
pub fn json(diagnostics: &[Diagnostic]) -> Json {
    let (errors, warnings) = count(diagnostics);
    json!({
        "schema": 1,
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": warnings,
        "diagnostics": diagnostics.iter().map(one_json).collect::<Vec<_>>(),
    })
}

fn one_json(diagnostic: &Diagnostic) -> Json {
    let place = diagnostic.place.as_ref();
    let related: Vec<Json> = diagnostic.related.iter().map(related_json).collect();
    json!({
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": place.map(|place| &place.file),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "end_line": place.map(|place| place.end_line),
        "end_column": place.map(|place| place.end_column),
        "related": related,
        "help": diagnostic.help,
    })
}

fn related_json(place: &Place) -> Json {
    json!({ "message": place.label, "file": place.file, "line": place.line, "column": place.column })
}

fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    (errors, diagnostics.len() - errors)
}

fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let (errors, warnings) = count(diagnostics);
    let some = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    let parts: Vec<String> = [some(errors, "error"), some(warnings, "warning")]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn draw(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .elements(Vec::<Snippet<'_, Annotation<'_>>>::new());
    if let Some(place) = &diagnostic.place {
        group = group.element(snippet(place, AnnotationKind::Primary));
    }
    for place in &diagnostic.related {
        group = group.element(snippet(place, AnnotationKind::Context));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

fn snippet(place: &Place, kind: AnnotationKind) -> Snippet<'_, Annotation<'_>> {
    let length = place.excerpt.len();
    let start = place.span.start.saturating_sub(place.excerpt_start).min(length);
    let end = place.span.end.saturating_sub(place.excerpt_start).clamp(start, length);
    let annotation = kind.span(start..end);
    let annotation = match place.label.as_str() {
        "" => annotation,
        label => annotation.label(label),
    };
    Snippet::source(place.excerpt.as_str())
        .line_start(place.line)
        .path(place.file.as_str())
        .annotation(annotation)
}
