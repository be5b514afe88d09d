//! Names of devices, parameters and commands, in whatever spelling (D5).

/// Splits `stage.position` or `stage:position` into device and member; the member is empty if only a device is named.
pub fn split_path(path: &str) -> (&str, &str) {
    path.split_once([':', '.']).unwrap_or((path, ""))
}

/// The item of that name; case does not count, nor does the underscore that SECoP demands of names of our own.
pub(super) fn find<'a, T>(items: &'a [T], name: &str, of: impl Fn(&T) -> &str) -> Option<&'a T> {
    let same = |name: &str| items.iter().find(|item| of(item).eq_ignore_ascii_case(name));
    same(name).or_else(|| same(name.strip_prefix('_')?))
}

/// The name that was probably meant.
pub(crate) fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_ascii_lowercase();
    known
        .map(|known| (strsim::damerau_levenshtein(&name, &known.to_ascii_lowercase()), known))
        .filter(|(distance, known)| *distance <= 1.max(known.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_every_spelling_is_one_path() {
        assert_eq!(split_path("stage.position"), ("stage", "position"));
        assert_eq!(split_path("stage:position"), ("stage", "position"));
        assert_eq!(split_path("stage"), ("stage", ""));
        let names = ["position", "_raw"];
        for (name, found) in [("Position", "position"), ("_position", "position"), ("_raw", "_raw")] {
            assert_eq!(find(&names, name, |n| n), Some(&found));
        }
        assert_eq!(find(&names, "raw", |n| n), None);
        assert_eq!(suggest("positon", names.into_iter()), Some("position".into()));
        assert_eq!(suggest("voltage", names.into_iter()), None);
    }
}
